{{ rejected_rows(ref('int_customers_checked'), ref('base_shop__customers')) }}
