{{ config(enabled='segment_months' not in setting('disabled_marts')) }}
-- A failure means that the months of a segment in segment_months lost or repeated money or purchases of its customers.
with customer_segments as (
    select * from {{ ref('customer_segments') }}
),

segment_months as (
    select * from {{ ref('segment_months') }}
),

customers_summed as (
    select
        segment_key,
        sum(total_spending) as total_spending,
        sum(transaction_count) as transaction_count,
        sum(returned_amount) as returned_amount
    from customer_segments
    group by segment_key
),

months_summed as (
    select
        segment_key,
        sum(total_spending) as total_spending,
        sum(transaction_count) as transaction_count,
        sum(returned_amount) as returned_amount
    from segment_months
    group by segment_key
)

select
    customers_summed.segment_key,
    customers_summed.total_spending,
    months_summed.total_spending as total_spending_of_months,
    customers_summed.transaction_count,
    months_summed.transaction_count as transaction_count_of_months
from customers_summed
full outer join months_summed
    on customers_summed.segment_key = months_summed.segment_key
where
    customers_summed.segment_key is null
    or customers_summed.total_spending != coalesce(months_summed.total_spending, 0)
    or customers_summed.transaction_count
    != coalesce(months_summed.transaction_count, 0)
    or customers_summed.returned_amount != coalesce(months_summed.returned_amount, 0)
