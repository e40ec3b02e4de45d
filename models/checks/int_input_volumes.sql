{#- Reads its own previous version, so that a build sees what the one before it read. -#}
{% set previous = load_relation(this) if execute and keeps_history() else none %}

with transactions as (
    select * from {{ ref('int_transactions_checked') }}
),

customers as (
    select * from {{ ref('int_customers_checked') }}
),

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
    -- An empty build (--empty) has seen nothing and must not hide what was there before.
    {% if flags.EMPTY -%}
    coalesce(previous.row_count, counted.row_count) as row_count,
    {% else -%}
    counted.row_count,
    {% endif -%}
    previous.row_count as previous_row_count
from counted
left join previous
    on counted.input = previous.input
