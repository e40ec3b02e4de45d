-- A failure means that distance_to_centroid is not the Euclidean distance to the centroid of the customer's cluster.
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

measured_again as (
    select
        customer_clusters.customer_id,
        customer_clusters.cluster,
        customer_clusters.distance_to_centroid,
        sqrt(
            {%- for feature in features %}
            {{ '+ ' if not loop.first }}power(
                scaled.{{ feature }} - serving_model.{{ feature }}, 2
            )
            {%- endfor %}
        ) as distance
    from customer_clusters
    left join scaled
        on customer_clusters.customer_id = scaled.customer_id
    left join serving_model
        on customer_clusters.cluster = serving_model.cluster
)

select *
from measured_again
where distance is null or abs(distance_to_centroid - distance) > 1e-9 * (1 + distance)
