-- Which customers should we call this week?
-- The twenty most valuable customers of the highest-spending segment who have gone quiet: their last purchase is longer
-- ago than quiet_after_intervals times their usual interval. Only those who are due a contact: nobody who is held out,
-- suppressed, or has been contacted too recently. Customers with an override count in the segment that it names.

with customer_segments as (
    select * from {{ ref('customer_segments') }}
),

segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

segment_actions as (
    select * from {{ ref('segment_actions') }}
),

audiences as (
    select * from {{ ref('audiences') }}
),

best_segment_found as (
    select max_by(segment_name, cluster_id) as segment_name
    from segment_profiles
    where cluster_id is not null
),

contacts_due as (
    select
        audiences.customer_id,
        min_by(segment_actions.action, audiences.action_rank) as action
    from audiences
    inner join segment_actions
        on
            audiences.segment_key = segment_actions.segment_key
            and audiences.action_id = segment_actions.action_id
    where audiences.status = 'treated'
    group by audiences.customer_id
)

select
    customer_segments.customer_id,
    customer_segments.segment_name,
    customer_segments.total_spending,
    customer_segments.transaction_count,
    customer_segments.days_since_last_transaction,
    round(customer_segments.usual_interval_days, 0) as usual_interval_days,
    contacts_due.action
from customer_segments
inner join best_segment_found
    on customer_segments.segment_name = best_segment_found.segment_name
inner join contacts_due
    on customer_segments.customer_id = contacts_due.customer_id
where customer_segments.is_quiet
order by customer_segments.total_spending desc, customer_segments.customer_id asc
limit 20
