-- A failure means that segment_overrides names a customer or a segment that does not exist.
with overrides as (
    select * from {{ ref('int_segment_overrides') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

segment_profiles as (
    select * from {{ ref('segment_profiles') }}
)

select
    overrides.customer_id,
    overrides.segment_name
from overrides
left join customer_segments
    on overrides.customer_id = customer_segments.customer_id
left join segment_profiles
    on overrides.segment_name = segment_profiles.segment_name
where
    (customer_segments.customer_id is null or segment_profiles.segment_name is null)
    and {{ 'false' if flags.EMPTY else 'true' }}
