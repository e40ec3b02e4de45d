{#-
    What is expensive to count in the lines: purchases, whose lines may be of several days, and lines that repeat. On
    DuckDB they are counted again for those customers only whose lines differ from those of the build before.
-#}
{% set takes_over = target.type == 'duckdb' %}
{{ config(
    materialized='incremental' if takes_over else 'table',
    incremental_strategy='append',
    on_schema_change='sync_all_columns',
    pre_hook="{{ delete_outdated_months() }}" if takes_over else []
) }}
{% set counted_before = earlier_version('lines_hash') if takes_over and not flags.FULL_REFRESH %}

{#- A condition, since DuckDB would store the lines of a CTE that several others read. -#}
{% set of_changed_customers %}
        failed_rules is null
        {%- if counted_before %}
        and customer_id in (
            select customers_changed.customer_id from customers_changed
        )
        {%- endif %}
{%- endset %}

with {% if takes_over -%}
customers_hashed as (
    {{ customers_hashed() }}
),

{% endif -%}
{% if counted_before -%}
-- The hook has deleted the months of customers whose lines have changed.
customers_changed as (
    select customer_id
    from customers_hashed
    where customer_id not in (
        select counted_before.customer_id from {{ counted_before }} as counted_before
    )
),

{% endif -%}
-- A purchase counts once, in the month of its first line. A line without a transaction id is a purchase of its own.
purchases as (
    select
        customer_id,
        is_return,
        min(transaction_date) as first_date,
        case when transaction_id is null then count(*) else 1 end as purchases,
        count(*) as line_count
    from {{ ref('int_transactions_checked') }}
    where {{- of_changed_customers }}
    group by
        customer_id, transaction_id, is_return,
        case when transaction_id is null then transaction_date end
),

purchases_counted as (
    select
        customer_id,
        cast(date_trunc('month', first_date) as date) as month,
        sum(case when is_return then 0 else purchases end) as transaction_count,
        max(line_count) as most_lines
    from purchases
    group by customer_id, cast(date_trunc('month', first_date) as date)
),

-- Lines repeat if the whole rows do, including columns that are not mapped, such as a product. They then belong to the
-- same purchase. Few hashes repeat, so only their lines are compared.
hashes_repeated as (
    select row_hash
    from {{ ref('int_transactions_checked') }}
    where
        {{- of_changed_customers }}
        {%- if computes_ctes_once() %}
        and customer_id in (
            select purchases_counted.customer_id from purchases_counted
            where purchases_counted.most_lines > 1
        )
        {%- endif %}
    group by row_hash
    having count(*) > 1
),

lines_grouped as (
    select
        customer_id,
        transaction_date,
        amount,
        count(*) - 1 as repetitions
    from {{ ref('int_transactions_checked') }}
    where
        {{- of_changed_customers }}
        and row_hash in (
            select hashes_repeated.row_hash from hashes_repeated
        )
    group by
        transaction_id, customer_id, transaction_date, quantity, amount, currency,
        is_return, row_hash
    having count(*) > 1
),

repetitions_counted as (
    select
        customer_id,
        cast(date_trunc('month', transaction_date) as date) as month,
        sum(repetitions) as repeated_lines,
        sum(repetitions * amount) as repeated_amount
    from lines_grouped
    group by customer_id, cast(date_trunc('month', transaction_date) as date)
),

counted as (
    select
        coalesce(purchases_counted.customer_id, repetitions_counted.customer_id)
            as customer_id,
        coalesce(purchases_counted.month, repetitions_counted.month) as month,
        cast(coalesce(purchases_counted.transaction_count, 0) as bigint)
            as transaction_count,
        cast(coalesce(repetitions_counted.repeated_lines, 0) as bigint)
            as repeated_lines,
        cast(coalesce(repetitions_counted.repeated_amount, 0) as decimal(38, 2))
            as repeated_amount
    from purchases_counted
    full outer join repetitions_counted
        on
            purchases_counted.customer_id = repetitions_counted.customer_id
            and purchases_counted.month = repetitions_counted.month
)

select
    counted.*,
    {{ 'customers_hashed.lines_hash' if takes_over else 'cast(null as bigint)' }}
        as lines_hash
from counted
{%- if takes_over %}
inner join customers_hashed
    on counted.customer_id = customers_hashed.customer_id
{%- endif %}
where counted.transaction_count > 0 or counted.repeated_lines > 0
