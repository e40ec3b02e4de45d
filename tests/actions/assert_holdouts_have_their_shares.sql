-- A failure means that the share of an action's customers who are held out is further from holdout_share than chance
-- explains: more than six standard errors.
with audiences as (
    select * from {{ ref('audiences') }}
),

segment_actions as (
    select * from {{ ref('segment_actions') }}
),

shares as (
    select
        audiences.segment_key,
        audiences.action_id,
        count(*) as customers,
        {{ divide(
            "count(case when audiences.status = 'holdout' then 1 end)", 'count(*)'
        ) }} as share
    from audiences
    where audiences.status in ('treated', 'holdout')
    group by audiences.segment_key, audiences.action_id
)

select
    shares.action_id,
    shares.customers,
    shares.share,
    segment_actions.holdout_share
from shares
inner join segment_actions
    on
        shares.segment_key = segment_actions.segment_key
        and shares.action_id = segment_actions.action_id
where
    abs(shares.share - segment_actions.holdout_share)
    > 6 * sqrt(
        segment_actions.holdout_share
        * (1 - segment_actions.holdout_share)
        / shares.customers
    )
