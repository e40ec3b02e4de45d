{{ config(enabled='segment_months' not in setting('disabled_marts')) }}

{% set window = setting('observation_window_days') %}

with transactions as (
    select * from {{ ref('int_transactions_checked') }}
),

customer_months as (
    select * from {{ ref('int_customer_months') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

customers as (
    select
        customer_segments.segment_key,
        customer_segments.customer_id,
        cast(date_trunc('month', customer_features.first_purchase_date) as date)
            as first_month
    from customer_segments
    inner join customer_features
        on customer_segments.customer_id = customer_features.customer_id
),

-- Money counts in the month of its line.
lines_summed as (
    select
        customers.segment_key,
        cast(date_trunc('month', transactions.transaction_date) as date) as month,
        sum(transactions.amount) as total_spending,
        sum(case when transactions.is_return then -transactions.amount else 0 end)
            as returned_amount
    from transactions
    inner join customers
        on transactions.customer_id = customers.customer_id
    where transactions.failed_rules is null
    group by
        customers.segment_key,
        cast(date_trunc('month', transactions.transaction_date) as date)
),

purchases_counted as (
    select
        customers.segment_key,
        customer_months.month,
        cast(sum(customer_months.transaction_count) as bigint) as transaction_count,
        count(*) as customers,
        count(case when customer_months.month = customers.first_month then 1 end)
            as first_purchases
    from customer_months
    inner join customers
        on customer_months.customer_id = customers.customer_id
    where customer_months.transaction_count > 0
    group by customers.segment_key, customer_months.month
)

select
    ---- ids
    lines_summed.segment_key,

    ---- strings
    segment_profiles.segment_name,
    segment_profiles.archetype,

    ---- dates
    lines_summed.month,

    ---- booleans
    last_day(lines_summed.month) <= segment_profiles.as_of_date
    {%- if window is not none %}
    and {{ dbt.datediff(
        'lines_summed.month', 'segment_profiles.as_of_date', 'day'
    ) }} < {{ window }}
    {%- endif %} as is_complete,

    ---- numerics
    coalesce(purchases_counted.customers, 0) as customers,
    cast(lines_summed.total_spending as decimal(38, 2)) as total_spending,
    coalesce(purchases_counted.transaction_count, 0) as transaction_count,
    coalesce(purchases_counted.first_purchases, 0) as first_purchases,
    cast(lines_summed.returned_amount as decimal(38, 2)) as returned_amount
from lines_summed
inner join segment_profiles
    on lines_summed.segment_key = segment_profiles.segment_key
left join purchases_counted
    on
        lines_summed.segment_key = purchases_counted.segment_key
        and lines_summed.month = purchases_counted.month
order by
    segment_profiles.cluster_id nulls last,
    lines_summed.segment_key,
    lines_summed.month
