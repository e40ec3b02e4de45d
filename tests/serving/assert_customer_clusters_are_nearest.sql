-- A failure means that a customer was not assigned to the nearest centroid. A tie may go to either centroid.
{% set features = setting('features') %}

with scaled as (
    select * from {{ ref('int_customer_features_scaled') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

customer_clusters as (
    select * from {{ ref('int_customer_clusters') }}
),

distances_measured as (
    select
        scaled.customer_id,
        serving_model.cluster,
        {%- for feature in features %}
        {{ '+ ' if not loop.first }}power(
            scaled.{{ feature }} - serving_model.{{ feature }}, 2
        )
        {%- endfor %} as squared_distance
    from scaled
    cross join serving_model
),

nearest_found as (
    select
        customer_id,
        min(squared_distance) as smallest_squared_distance
    from distances_measured
    group by customer_id
),

assigned as (
    select
        nearest_found.customer_id,
        customer_clusters.cluster,
        distances_measured.squared_distance,
        nearest_found.smallest_squared_distance
    from nearest_found
    left join customer_clusters
        on nearest_found.customer_id = customer_clusters.customer_id
    left join distances_measured
        on
            customer_clusters.customer_id = distances_measured.customer_id
            and customer_clusters.cluster = distances_measured.cluster
)

select *
from assigned
where
    squared_distance is null
    or squared_distance > smallest_squared_distance * (1 + 1e-12)
