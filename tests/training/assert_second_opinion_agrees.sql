-- A failure means that scikit-learn finds a partition with an inertia more than 0.5 % lower, or computes another value
-- for a metric: the fit missed a better optimum, or a metric is wrong.
with int_second_opinion as (
    select * from {{ ref('int_second_opinion') }}
)

select
    inertia_ratio,
    largest_metric_difference
from int_second_opinion
where
    inertia_ratio > 1.005
    or largest_metric_difference > 1e-6
