-- A failure means that a valid customer of the input is missing or duplicated, or that the mart has an extra one.
with customers as (
    select * from {{ ref('int_customers_checked') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

rows_united as (
    select
        customer_id,
        1 as in_input,
        0 as in_mart
    from customers
    where failed_rules is null
    union all
    select
        customer_id,
        0 as in_input,
        1 as in_mart
    from customer_segments
)

select
    customer_id,
    sum(in_input) as times_in_input,
    sum(in_mart) as times_in_mart
from rows_united
group by customer_id
having sum(in_input) != 1 or sum(in_mart) != 1
