{%- set features, ks = setting('features'), alternative_ks() %}
with scaled as (
    select * from {{ ref('int_training_features_scaled') }}
),

sweep as (
    select * from {{ ref('int_kmeans_sweep') }}
),

-- All centroids in one row, so that each customer is read once. Those of a k that was not tried are null.
centroids_pivoted as (
    select
        {%- for k in ks %}
        {%- for cluster in range(k) %}
        {%- for feature in features %}
        max(case when k = {{ k }} and cluster = {{ cluster }} then {{ feature }} end)
            as {{ feature }}_{{ k }}_{{ cluster }},
        {%- endfor %}
        {%- endfor %}
        {%- endfor %}
        count(*) as clusters
    from sweep
),

distances_measured as (
    select
        {%- for k in ks %}
        {%- for cluster in range(k) %}
        {{- squared_distance('scaled', features, k ~ '_' ~ cluster) }}
            as squared_distance_{{ k }}_{{ cluster }},
        {%- endfor %}
        {%- endfor %}
        scaled.customer_id
    from scaled
    cross join centroids_pivoted
)

select
    {%- for k in ks %}
    cast(
        {{ cluster_at_least_distance(range(k) | list, 'squared_distance_' ~ k ~ '_') }}
        as smallint
    ) as cluster_{{ k }},
    {%- endfor %}
    customer_id
from distances_measured
