select
    transaction_id as order_number,
    customer_id as buyer,
    cast(transaction_date as date) as ordered_on,
    cast(quantity as integer) as pieces,
    cast(amount as decimal(12, 2)) as net_amount
from {{ ref('orders') }}
