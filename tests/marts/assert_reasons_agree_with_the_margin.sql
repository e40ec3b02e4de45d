-- A failure means that a customer's pulls do not agree with the distances: the own centroid is the nearer one, so the
-- pull towards it outweighs.
with customer_segments as (
    select * from {{ ref('customer_segments') }}
)

select
    customer_id,
    margin,
    strongest_pull,
    second_pull,
    opposing_pull
from customer_segments
where
    (margin > 1e-9 and strongest_pull is null)
    or strongest_pull < coalesce(second_pull, 0)
    or strongest_pull + coalesce(second_pull, 0) - coalesce(opposing_pull, 0) > 1 + 1e-9
    or (second_pull is not null and second_feature = strongest_feature)
