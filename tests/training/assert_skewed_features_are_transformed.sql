-- A failure means that a feature with a heavy tail goes into the clustering raw: a handful of extreme customers will
-- decide the clusters. Remedy: the transform log1p, or the setting winsorize.
{{ config(severity='warn') }}

with scaling as (
    select * from {{ ref('int_feature_scaling') }}
)

select
    feature,
    skew_after
from scaling
where transform = 'none' and abs(skew_after) > {{ setting('skew_warn') }}
