{{ rejected_rows(ref('int_transactions_checked'), ref('base_shop__transactions')) }}
