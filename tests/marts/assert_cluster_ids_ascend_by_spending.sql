-- A failure means that the numbers of the segments have a gap, or do not follow average total spending.
with segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

ranked as (
    select
        cluster_id,
        avg_total_spending,
        row_number() over (order by cluster_id) - 1 as expected_cluster_id,
        lag(avg_total_spending) over (order by cluster_id) as spending_before
    from segment_profiles
    where cluster_id is not null
)

select *
from ranked
where cluster_id != expected_cluster_id or avg_total_spending < spending_before
