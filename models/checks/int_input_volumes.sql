{#- Reads its own previous version for the row counts of the previous build. Spark can where it replaces partitions. -#}
{% set replaces_partitions = target.type != 'duckdb' and setting('history_format') == 'parquet' %}
{{ history_config(partition_by='input') if replaces_partitions }}
{% set previous = earlier_version('row_count') if target.type == 'duckdb' or replaces_partitions %}

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
    {% if previous -%}
    select
        input,
        row_count
    from {{ previous }}
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
