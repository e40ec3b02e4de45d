-- A failure means that a customer's contributions contradict the distances. The customer's own centroid is the nearest,
-- so off the border at least one feature must favour it; and the contributions are shares, in descending order.
with customer_segments as (
    select * from {{ ref('customer_segments') }}
)

select
    customer_id,
    margin,
    strongest_contribution,
    second_contribution,
    opposing_contribution
from customer_segments
where
    (margin > 1e-9 and strongest_contribution is null)
    or strongest_contribution < coalesce(second_contribution, 0)
    or strongest_contribution
    + coalesce(second_contribution, 0)
    - coalesce(opposing_contribution, 0) > 1 + 1e-9
    or (second_contribution is not null and second_feature = strongest_feature)
