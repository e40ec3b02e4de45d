-- A failure means that the share of an action's customers who are held out is further from holdout_share than chance
-- explains. A share as far from it or further has a probability of at most exp(-customers x relative entropy) (Chernoff
-- 1952), however few customers there are; here that is less than one in a billion. Where nobody is to be held out, one
-- customer is too many.
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
    shares.customers * (
        case
            when shares.share > 0
                then
                    shares.share
                    * ln(shares.share / greatest(segment_actions.holdout_share, 1e-30))
            else 0
        end
        + case
            when shares.share < 1
                then
                    (1 - shares.share)
                    * ln((1 - shares.share) / (1 - segment_actions.holdout_share))
            else 0
        end
    ) > 21
