-- A warning means that a heavy-tailed feature is clustered without a transform, so that a few extreme customers can
-- dominate the clusters. Remedy: the transform log1p, or the setting winsorize.
{{ config(severity='warn') }}

with scaling as (
    select * from {{ ref('int_feature_scaling') }}
)

select
    feature,
    skew_after,
    concat(
        'the skewness of ', feature, ' is ', {{ format_number('skew_after', 1) }},
        ', beyond the setting skew_warn, {{ setting('skew_warn') }}: a few extreme',
        ' customers can dominate the clusters. Set ',
        case
            when skew_after > 0 then concat('transforms: {', feature, ': log1p} or ')
            else ''
        end,
        'winsorize.'
    ) as message
from scaling
where transform = 'none' and abs(skew_after) > {{ setting('skew_warn') }}
