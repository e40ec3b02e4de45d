-- Which feature sets each segment apart the most from the average customer?
-- Averages are compared as ratios: twice the average and half the average are equally far apart.

with segment_features as (
    select * from {{ ref('segment_features') }}
),

features_ranked as (
    select
        *,
        row_number() over (
            partition by cluster_id order by abs(ln(ratio_to_average)) desc, feature
        ) as distance_rank
    from segment_features
    where ratio_to_average > 0
)

select
    segment_name,
    feature,
    round(average, 2) as average,
    round(ratio_to_average, 2) as ratio_to_average
from features_ranked
where distance_rank = 1
order by cluster_id desc
