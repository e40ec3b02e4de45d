-- A failure means that the shares of customers or of spending do not cover the clustered customers exactly once.
with segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

-- Shares of a net spending near zero can be far beyond 1 and still add up; their rounding grows with them.
shares_summed as (
    select
        sum(customer_share) as customer_share,
        sum(spending_share) as spending_share,
        greatest(max(abs(spending_share)), 1) as largest_share
    from segment_profiles
)

select *
from shares_summed
where
    abs(customer_share - 1) > 1e-9
    or abs(spending_share - 1) > 1e-9 * largest_share
