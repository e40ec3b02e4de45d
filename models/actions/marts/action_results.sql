with effects as (
    select * from {{ ref('int_action_effects') }}
),

export_log as (
    select * from {{ ref('int_export_log') }}
),

playbook as (
    select * from {{ playbook_table('segment_playbook') }}
),

waves as (
    select
        wave,
        action_id,
        max(contact_date) as contact_date
    from export_log
    group by wave, action_id
)

select
    ---- ids
    effects.action_id,
    cast(effects.wave as integer) as wave,

    ---- strings
    playbook.action,
    effects.verdict,

    ---- dates
    waves.contact_date,

    ---- numerics
    cast(effects.horizon_days as integer) as horizon_days,
    cast(effects.customers_treated as bigint) as customers_treated,
    cast(effects.customers_held_out as bigint) as customers_held_out,
    effects.average_spending_treated,
    effects.average_spending_held_out,
    effects.buyer_share_treated,
    effects.buyer_share_held_out,
    effects.difference,
    effects.difference_adjusted,
    effects.difference_low,
    effects.difference_high,
    effects.p_value,
    effects.p_value_corrected,
    effects.smallest_effect
from effects
inner join waves
    on
        effects.wave = waves.wave
        and effects.action_id = waves.action_id
left join playbook
    on effects.action_id = playbook.action_id
order by effects.wave, effects.action_id, effects.horizon_days
