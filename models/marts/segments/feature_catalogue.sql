with feature_catalogue as (
    select * from {{ ref('int_feature_catalogue') }}
)

select
    ---- strings
    feature,
    label,
    unit,
    more,
    less,
    transform,

    ---- booleans
    feature_order is not null as is_clustered,

    ---- numerics
    feature_order
from feature_catalogue
order by feature_order nulls last, feature
