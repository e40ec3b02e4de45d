{{ config(enabled='segment_months' not in setting('disabled_marts')) }}

{% set window = setting('observation_window_days') %}

with transactions as (
    select * from {{ ref('int_transactions_checked') }}
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

valid_lines as (
    select
        customer_segments.segment_key,
        transactions.customer_id,
        transactions.input_row,
        transactions.transaction_id,
        transactions.transaction_date,
        transactions.amount,
        transactions.is_return
    from transactions
    inner join customer_segments
        on transactions.customer_id = customer_segments.customer_id
    where transactions.failed_rules is null
),

-- Money counts in the month of its line.
lines_summed as (
    select
        segment_key,
        cast(date_trunc('month', transaction_date) as date) as month,
        sum(amount) as total_spending,
        sum(case when is_return then -amount else 0 end) as returned_amount
    from valid_lines
    group by segment_key, cast(date_trunc('month', transaction_date) as date)
),

-- A purchase counts once, in the month of its first line. A line without a transaction id is a purchase of its own.
purchases as (
    select
        segment_key,
        customer_id,
        cast(date_trunc('month', min(transaction_date)) as date) as month
    from valid_lines
    where not is_return
    group by
        segment_key, customer_id, transaction_id,
        case when transaction_id is null then input_row end
),

first_months as (
    select
        customer_id,
        cast(date_trunc('month', first_purchase_date) as date) as month
    from customer_features
),

purchases_counted as (
    select
        purchases.segment_key,
        purchases.month,
        count(*) as transaction_count,
        count(distinct purchases.customer_id) as customers,
        count(distinct case
            when purchases.month = first_months.month then purchases.customer_id
        end) as first_purchases
    from purchases
    inner join first_months
        on purchases.customer_id = first_months.customer_id
    group by purchases.segment_key, purchases.month
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
