with segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

segments_summarised as (
    select * from {{ ref('int_segments_summarised') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

conditions as (
    select * from {{ ref('int_segment_conditions') }}
),

expected_spending as (
    select * from {{ ref('segment_expected_spending') }}
),

playbook as (
    select * from {{ playbook_table('segment_playbook') }}
),

-- Customers without a purchase have no rhythm, so only actions for everyone reach them.
audiences_counted as (
    select
        segment_profiles.cluster_id,
        segment_profiles.segment_key,
        segment_profiles.segment_name,
        segment_profiles.archetype,
        segment_profiles.cluster_size,
        segments_summarised.cluster,
        playbook.action_id,
        playbook.action,
        playbook.objective,
        playbook.rationale,
        playbook.audience,
        playbook.only_if,
        playbook.action_rank,
        playbook.is_contact,
        coalesce(playbook.holdout_share, {{ setting('holdout_share') }})
            as holdout_share,
        coalesce(playbook.repeat_after_days, {{ setting('action_repeat_days') }})
            as repeat_after_days,
        case playbook.audience
            when 'everyone' then segment_profiles.cluster_size
            when 'quiet' then segments_summarised.quiet_customers
            when 'active'
                then segment_profiles.cluster_size - segments_summarised.quiet_customers
        end as customers
    from segment_profiles
    inner join playbook
        on segment_profiles.archetype = playbook.archetype
    left join segments_summarised
        on segment_profiles.cluster_id = segments_summarised.cluster_id
),

-- Customers whom an override puts into a segment have its actions, also those that are for none of the model's.
overridden_counted as (
    select
        segment_name,
        count(*) as customers,
        count(case when is_quiet then 1 end) as quiet_customers
    from customer_segments
    where is_overridden
    group by segment_name
),

-- Where most of a segment has gone quiet, the actions for quiet customers come first.
proposed as (
    select
        audiences_counted.*,
        expected_spending.expected_spending,
        expected_spending.expected_spending_low,
        expected_spending.expected_spending_high,
        case
            when
                audiences_counted.audience = 'active'
                and 2 * audiences_counted.customers < audiences_counted.cluster_size
                then 1
            else 0
        end as is_for_a_minority
    from audiences_counted
    left join conditions
        on
            audiences_counted.cluster = conditions.cluster
            and audiences_counted.only_if = conditions.condition
    left join expected_spending
        on
            audiences_counted.segment_key = expected_spending.segment_key
            and audiences_counted.audience = expected_spending.audience
    left join overridden_counted
        on audiences_counted.segment_name = overridden_counted.segment_name
    where
        (
            audiences_counted.customers > 0
            or audiences_counted.cluster is not null
            and case audiences_counted.audience
                when 'quiet' then overridden_counted.quiet_customers
                when 'active'
                    then
                        overridden_counted.customers
                        - overridden_counted.quiet_customers
            end > 0
        )
        and (audiences_counted.only_if is null or conditions.holds)
)

select
    ---- ids
    cluster_id,
    segment_key,
    action_id,

    ---- strings
    segment_name,
    action,
    objective,
    rationale,
    audience,

    ---- booleans
    is_contact,

    ---- numerics
    cast(
        row_number() over (
            partition by segment_key
            order by
                case when customers = 0 then 1 else 0 end,
                is_for_a_minority,
                action_rank,
                action,
                action_id
        ) as integer
    ) as action_rank,
    cast(customers as bigint) as customers,
    expected_spending,
    expected_spending_low,
    expected_spending_high,
    cast(holdout_share as double) as holdout_share,
    cast(repeat_after_days as integer) as repeat_after_days
from proposed
order by cluster_id nulls last, segment_key, action_rank
