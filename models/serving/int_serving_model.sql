{% set features = setting('features') %}

with model_register as (
    select * from {{ ref('int_model_register') }}
),

trained_model as (
    select * from {{ ref('int_trained_model') }}
),

served as (
    select
        model_id,
        k,
        {{ unnest_structs('clusters') }}  -- noqa: AL03
    from model_register
    where
        model_id = {{ serving_model_id('model_register', 'trained_model') | indent(8) }}
)

select
    model_id,
    k,
    cluster,
    segment_key,
    {%- for feature in features %}
    max(case when feature = '{{ feature }}' then centroid end)
        as {{ feature }},
    {%- endfor %}
    max(cluster_size) as cluster_size
from served
group by model_id, k, cluster, segment_key
