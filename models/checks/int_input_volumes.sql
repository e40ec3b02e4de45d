{% set completed = stored_relation('int_completed_volumes') if keeps_history() %}

with transactions as (
    select * from {{ ref('int_transactions_checked') }}
),

customers as (
    select * from {{ ref('int_customers_checked') }}
),

{% if setting('suppressions_location') is not none -%}
suppressions as (
    select * from {{ ref('stg_shop__suppressions') }}
),

{% endif -%}
counted as (
    select
        'transactions' as input,
        count(*) as row_count
    from transactions
    union all
    select
        'customers' as input,
        count(*) as row_count
    from customers
    {% if setting('suppressions_location') is not none -%}
    union all
    select
        'suppressions' as input,
        count(*) as row_count
    from suppressions
    {% endif -%}
),

previous as (
    {% if completed -%}
    select
        input,
        row_count
    from {{ completed }}
    {%- else -%}
    select
        cast(null as string) as input,
        cast(null as bigint) as row_count
    where false
    {%- endif %}
)

select
    counted.input,
    -- An empty build (--empty) reads no rows and must not overwrite the stored counts.
    {% if flags.EMPTY -%}
    coalesce(previous.row_count, counted.row_count) as row_count,
    {% else -%}
    counted.row_count,
    {% endif -%}
    previous.row_count as previous_row_count
from counted
left join previous
    on counted.input = previous.input
