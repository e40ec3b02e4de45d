with transactions as (
    select * from {{ ref('base_shop__transactions') }}
),

cleaned as (
    select
        input_row,
        {{ clean_text('transaction_id') }} as transaction_id,
        {{ clean_text('customer_id') }} as customer_id,
        {{ clean_text('transaction_date') }} as transaction_date_text,
        {{ clean_text('quantity') }} as quantity_text,
        {{ clean_text('amount') }} as amount_text
    from transactions
),

typed as (
    select
        *,
        {{ parse_date('transaction_date_text') }} as transaction_date,
        {{ parse_decimal('quantity_text', 'decimal(18, 3)') }} as quantity,
        {{ parse_decimal('amount_text', 'decimal(18, 2)') }} as amount
    from cleaned
)

select
    ---- ids
    input_row,
    transaction_id,
    customer_id,

    ---- strings
    {{ failed_rules({
        'missing_customer_id': 'customer_id is null',
        'missing_date': 'transaction_date_text is null',
        'unparsable_date':
            'transaction_date_text is not null and transaction_date is null',
        'date_in_future': 'transaction_date > ' ~ run_date(),
        'missing_amount': 'amount_text is null',
        'unparsable_amount': 'amount_text is not null and amount is null',
        'unparsable_quantity': 'quantity_text is not null and quantity is null',
    }) }} as failed_rules,

    ---- numerics
    quantity,
    amount,

    ---- dates
    transaction_date
from typed
