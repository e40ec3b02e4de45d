with serving_scaling as (
    select * from {{ ref('int_serving_scaling') }}
)

select
    1 as axis,
    feature,
    loading_x as loading,
    explained_x as explained_variance_share
from serving_scaling
union all
select
    2 as axis,
    feature,
    loading_y as loading,
    explained_y as explained_variance_share
from serving_scaling
