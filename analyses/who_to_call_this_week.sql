-- Which customers should we call this week?
-- The twenty most overdue customers of the highest-spending segment. overdue_ratio is the number of days since the last
-- purchase divided by the average number of days between purchases; above 1, the next purchase is overdue.

with customer_segments as (
    select * from {{ ref('customer_segments') }}
),

segment_actions as (
    select * from {{ ref('segment_actions') }}
),

best_segment_found as (
    select max(cluster_id) as best_cluster_id
    from customer_segments
),

rhythms_taken as (
    select
        customer_segments.*,
        customer_segments.days_since_last_transaction
        * customer_segments.transaction_count
        / nullif(customer_segments.days_since_signup, 0) as overdue_ratio
    from customer_segments
    inner join best_segment_found
        on customer_segments.cluster_id = best_segment_found.best_cluster_id
)

select
    rhythms_taken.customer_id,
    rhythms_taken.segment_name,
    rhythms_taken.total_spending,
    rhythms_taken.transaction_count,
    rhythms_taken.days_since_last_transaction,
    round(rhythms_taken.overdue_ratio, 1) as overdue_ratio,
    segment_actions.action
from rhythms_taken
inner join segment_actions
    on
        rhythms_taken.segment_name = segment_actions.segment_name
        and segment_actions.action_rank = 1
where rhythms_taken.overdue_ratio > 1
order by
    rhythms_taken.overdue_ratio desc,
    rhythms_taken.total_spending desc,
    rhythms_taken.customer_id asc
limit 20
