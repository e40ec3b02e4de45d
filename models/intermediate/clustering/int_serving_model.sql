{% set features = setting('features') %}
{% set fixed_k = setting('k') %}

with kmeans_sweep as (
    select * from {{ ref('kmeans_sweep') }}
)

select
    k,
    cluster,
    {%- for feature in features %}
    {{ feature }},
    {%- endfor %}
    cluster_size
from kmeans_sweep
{% if fixed_k is none -%}
where is_lowest_index
{% else -%}
where k = {{ fixed_k }}
{% endif %}
