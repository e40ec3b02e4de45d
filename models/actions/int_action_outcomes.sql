{#- Read once, by a Python model; on Spark a table, which Python models read. -#}
{{ config(materialized='view' if target.type == 'duckdb' else 'table') }}
{% set horizons = setting('result_horizons') %}

with export_log as (
    select * from {{ ref('int_export_log') }}
),

transactions as (
    select * from {{ ref('int_transactions_checked') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

-- Lines before the observation window do not count for the segments, but they are spending all the same.
lines as (
    select
        customer_id,
        transaction_date,
        amount,
        is_return
    from transactions
    where coalesce(failed_rules, '') in ('', 'before_observation_window')
),

lines_dated as (
    select
        export_log.wave,
        export_log.action_id,
        export_log.customer_id,
        lines.amount,
        lines.is_return,
        {{ dbt.datediff('export_log.contact_date', 'lines.transaction_date', 'day') }}
            as days_after
    from export_log
    inner join lines
        on export_log.customer_id = lines.customer_id
),

lines_placed as (
    select *
    from lines_dated
    where days_after between {{ 1 - horizons | max }} and {{ horizons | max }}
),

-- The day of the contact belongs to the time before: its purchases did not come of it.
summed as (
    select
        wave,
        action_id,
        customer_id,
        {%- for days in horizons %}
        sum(
            case when days_after between 1 and {{ days }} then amount end
        ) as spending_{{ days }},
        count(
            case
                when days_after between 1 and {{ days }} and not is_return then 1
            end
        ) > 0 as has_bought_{{ days }},
        sum(
            case when days_after between {{ 1 - days }} and 0 then amount end
        ) as spending_before_{{ days }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from lines_placed
    group by wave, action_id, customer_id
),

joined as (
    select
        export_log.*,
        {%- for days in horizons %}
        summed.spending_{{ days }},
        summed.has_bought_{{ days }},
        summed.spending_before_{{ days }},
        {%- endfor %}
        -- Without lines of a day, nobody knows who bought on it.
        {{ dbt.datediff(
            'export_log.contact_date', 'as_of.latest_transaction_date', 'day'
        ) }} as days_since
    from export_log
    left join summed
        on
            export_log.wave = summed.wave
            and export_log.action_id = summed.action_id
            and export_log.customer_id = summed.customer_id
    cross join as_of
)

{% for days in horizons -%}
select
    wave,
    action_id,
    cast({{ days }} as integer) as horizon_days,
    customer_id,
    is_treated,
    coalesce(days_since >= {{ days }}, false) as is_complete,
    coalesce(has_bought_{{ days }}, false) as has_bought,
    cast(coalesce(spending_{{ days }}, 0) as double) as spending,
    cast(coalesce(spending_before_{{ days }}, 0) as double) as spending_before
from joined
{{ 'union all' if not loop.last }}
{% endfor -%}
