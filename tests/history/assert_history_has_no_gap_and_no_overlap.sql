-- A failure means that a customer's current segment in the history differs from the last build's, or that a period
-- overlaps the next one.
with segment_history as (
    select * from {{ ref('segment_history') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

stays as (
    select
        customer_id,
        valid_from_build,
        valid_to_build,
        lead(valid_from_build) over (
            partition by customer_id
            order by valid_from_build
        ) as next_from_build
    from segment_history
),

overlapping as (
    select
        customer_id,
        'overlap' as problem
    from stays
    where
        valid_to_build <= valid_from_build
        or coalesce(valid_to_build, next_from_build + 1) > next_from_build
),

current_stays as (
    select
        customer_id,
        segment_key,
        segment_name
    from segment_history
    where is_current
),

missing as (
    select
        coalesce(customer_segments.customer_id, current_stays.customer_id)
            as customer_id,
        'not as in customer_segments' as problem
    from customer_segments
    full outer join current_stays
        on customer_segments.customer_id = current_stays.customer_id
    where
        customer_segments.segment_key is distinct from current_stays.segment_key
        or customer_segments.model_segment_name
        is distinct from current_stays.segment_name
)

select * from overlapping
{#- A run of only some models changes marts without logging them, so there is nothing to compare with. -#}
{% if not flags.EMPTY and not is_partial_run() %}
union all
select * from missing
{% endif %}
