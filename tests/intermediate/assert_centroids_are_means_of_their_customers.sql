-- A failure means that a centroid is not the mean of its customers: the fit did not converge, or the model is stale.
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
        customer_clusters.cluster,
        customer_clusters.distance_to_centroid,
        serving_model.cluster as other_cluster,
        {%- for feature in features %}
        {{ '+ ' if not loop.first }}power(
            scaled.{{ feature }} - serving_model.{{ feature }}, 2
        )
        {%- endfor %} as squared_distance_to_other
    from customer_clusters
    inner join scaled
        on customer_clusters.customer_id = scaled.customer_id
    inner join serving_model
        on customer_clusters.cluster != serving_model.cluster
),

-- Customers as near to another centroid as to their own can have been counted there by the fit, so the two clusters of
-- such a tie prove nothing.
ties_found as (
    select
        cluster,
        other_cluster
    from distances_measured
    where sqrt(squared_distance_to_other) <= distance_to_centroid * (1 + 1e-9)
),

tied_clusters as (
    select cluster from ties_found
    union distinct
    select other_cluster as cluster from ties_found
),

averaged as (
    select
        {%- for feature in features %}
        avg(scaled.{{ feature }}) as {{ feature }},
        {%- endfor %}
        customer_clusters.cluster
    from customer_clusters
    inner join scaled
        on customer_clusters.customer_id = scaled.customer_id
    group by customer_clusters.cluster
)

select
    {%- for feature in features %}
    serving_model.{{ feature }},
    averaged.{{ feature }} as {{ feature }}_mean,
    {%- endfor %}
    serving_model.cluster
from serving_model
inner join averaged
    on serving_model.cluster = averaged.cluster
left join tied_clusters
    on serving_model.cluster = tied_clusters.cluster
where
    tied_clusters.cluster is null
    and greatest(
        {%- for feature in features %}
        abs(serving_model.{{ feature }} - averaged.{{ feature }}),
        {%- endfor %}
        0
    ) > 1e-6
