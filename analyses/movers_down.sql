-- Who moved to a segment that spends less?
-- The customers whose segment changed in the last build that moved anybody, and whose new segment spends less on
-- average than the old one does now. Moves go by segment_key, so a segment that was only renamed moves nobody.
-- Overridden customers stay where they were put.

with segment_history as (
    select * from {{ ref('segment_history') }}
),

segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

stays as (
    select
        segment_history.*,
        lag(segment_history.segment_key) over (
            partition by segment_history.customer_id
            order by segment_history.valid_from_build
        ) as previous_segment_key
    from segment_history
),

-- A segment that is renamed begins new rows with the same key.
moves as (
    select *
    from stays
    where previous_segment_key != segment_key
),

last_moves as (
    select *
    from moves
    where valid_from_build = (select max(others.valid_from_build) from moves as others)
)

select
    last_moves.customer_id,
    last_moves.valid_from_date as moved_on,
    segments_before.segment_name as segment_before,
    segments_now.segment_name as segment_now,
    customer_segments.total_spending,
    customer_segments.days_since_last_transaction,
    customer_segments.is_quiet
from last_moves
inner join segment_profiles as segments_before
    on last_moves.previous_segment_key = segments_before.segment_key
inner join segment_profiles as segments_now
    on last_moves.segment_key = segments_now.segment_key
inner join customer_segments
    on last_moves.customer_id = customer_segments.customer_id
where
    segments_now.avg_total_spending < segments_before.avg_total_spending
    and not customer_segments.is_overridden
order by customer_segments.total_spending desc, last_moves.customer_id asc
