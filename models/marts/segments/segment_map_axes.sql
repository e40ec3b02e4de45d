{{ config(enabled='segment_map_axes' not in setting('disabled_marts')) }}

with serving_axes as (
    select * from {{ ref('int_serving_axes') }}
)

select
    ---- strings
    case axis when 1 then 'x' when 2 then 'y' end as axis,
    feature,

    ---- numerics
    loading,
    explained_variance_share
from serving_axes
order by axis, feature
