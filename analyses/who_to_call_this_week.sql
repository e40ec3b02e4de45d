-- Which customers should we call this week?
-- The twenty most valuable customers of the highest-spending segment who have gone quiet: their last purchase is longer
-- ago than quiet_after_intervals times their usual interval.

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

actions_for_quiet_customers as (
    select
        cluster_id,
        min_by(action, action_rank) as action
    from segment_actions
    where audience in ('quiet', 'everyone')
    group by cluster_id
),

quiet_customers_ranked as (
    select
        customer_segments.*,
        row_number() over (
            order by
                customer_segments.total_spending desc,
                customer_segments.customer_id asc
        ) as place
    from customer_segments
    inner join best_segment_found
        on customer_segments.cluster_id = best_segment_found.best_cluster_id
    where customer_segments.is_quiet
)

select
    quiet_customers_ranked.customer_id,
    quiet_customers_ranked.segment_name,
    quiet_customers_ranked.total_spending,
    quiet_customers_ranked.transaction_count,
    quiet_customers_ranked.days_since_last_transaction,
    round(quiet_customers_ranked.usual_interval_days, 0) as usual_interval_days,
    actions_for_quiet_customers.action
from quiet_customers_ranked
left join actions_for_quiet_customers
    on quiet_customers_ranked.cluster_id = actions_for_quiet_customers.cluster_id
where quiet_customers_ranked.place <= 20
order by quiet_customers_ranked.place
