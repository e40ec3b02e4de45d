with source as (
    select * from {{ input_relation('transactions') }}
)

select
    row_number() over () as input_row,
    {{ input_column('transactions', 'transaction_id') }} as transaction_id,
    {{ input_column('transactions', 'customer_id') }} as customer_id,
    {{ input_column('transactions', 'transaction_date') }} as transaction_date,
    {{ input_column('transactions', 'quantity') }} as quantity,
    {{ input_column('transactions', 'amount') }} as amount
from source
