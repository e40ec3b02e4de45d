-- Which feature sets each segment apart the most from the average customer?
-- The one whose average in the segment differs the most from that of all customers, in standard deviations of the
-- scaled feature: distinctiveness_rank 1.

{{ config(enabled='segment_features' not in setting('disabled_marts')) }}

with segment_features as (
    select * from {{ ref('segment_features') }}
)

select
    segment_name,
    feature,
    round(average, 2) as average,
    round(ratio_to_average, 2) as ratio_to_average,
    round(standardised_difference, 2) as standard_deviations
from segment_features
where distinctiveness_rank = 1
order by cluster_id desc
