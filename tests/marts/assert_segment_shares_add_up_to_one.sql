-- A failure means that the customer shares or the spending shares of the segments do not add up to 1.
with segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

-- If net spending is near zero, shares can be far above 1 and still add up to 1; their rounding errors grow with them.
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
