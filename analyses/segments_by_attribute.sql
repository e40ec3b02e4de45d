-- Where do the customers of each segment live, and what else is more common among them than among all?
-- A row per segment and value of an attribute. A lift of 1.5 means that the value is 1.5 times as common in the segment
-- as among all customers. Suppressed cells are left out.

{{ config(enabled='segment_attributes' not in setting('disabled_marts')) }}

with segment_attributes as (
    select * from {{ ref('segment_attributes') }}
)

select
    attribute,
    segment_name,
    value,
    customer_count,
    round(100 * share, 1) as percent_of_segment,
    round(lift, 2) as lift
from segment_attributes
where not is_suppressed
order by
    attribute asc,
    cluster_id desc nulls last,
    segment_name asc,
    lift desc,
    value asc
