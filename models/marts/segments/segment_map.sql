{{ config(enabled='segment_map' not in setting('disabled_marts')) }}

{% set features = setting('features') %}

with scaled as (
    select * from {{ ref('int_customer_features_scaled') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

serving_axes as (
    select * from {{ ref('int_serving_axes') }}
),

loadings_pivoted as (
    select
        {%- for feature in features %}
        max(case when axis = 1 and feature = '{{ feature }}' then loading end)
            as {{ feature }}_x,
        max(case when axis = 2 and feature = '{{ feature }}' then loading end)
            as {{ feature }}_y
        {{- ',' if not loop.last }}
        {%- endfor %}
    from serving_axes
)

select
    ---- ids
    scaled.customer_id,
    customer_segments.segment_key,

    ---- strings
    customer_segments.model_segment_name as segment_name,

    ---- numerics
    {%- for axis in ['x', 'y'] %}
    {%- for feature in features %}
    {{ '+ ' if not loop.first -}}
    scaled.{{ feature }} * loadings_pivoted.{{ feature }}_{{ axis }}
    {%- endfor %} as {{ axis }}
    {{- ',' if not loop.last }}
    {%- endfor %}
from scaled
inner join customer_segments
    on scaled.customer_id = customer_segments.customer_id
cross join loadings_pivoted
order by scaled.customer_id
