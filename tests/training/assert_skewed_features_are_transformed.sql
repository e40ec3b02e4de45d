-- A warning means that a heavy-tailed feature is clustered without a transform, so that a few extreme customers can
-- dominate the clusters. Remedy: the transform log1p, or the setting winsorize.
{{ config(severity='warn') }}

with scaling as (
    select * from {{ ref('int_feature_scaling') }}
)

select
    feature,
    skew_after
from scaling
where transform = 'none' and abs(skew_after) > {{ setting('skew_warn') }}
