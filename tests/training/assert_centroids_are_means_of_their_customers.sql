-- A failure means that a centroid is not the mean of its customers: the fit has not converged, or the model is stale.
{% set features = setting('features') %}

with scaled as (
    select * from {{ ref('int_training_features_scaled') }}
),

trained_model as (
    select * from {{ ref('int_trained_model') }}
),

training_clusters as (
    select * from {{ ref('int_training_clusters') }}
),

distances_measured as (
    select
        training_clusters.cluster,
        training_clusters.distance_to_centroid,
        trained_model.cluster as other_cluster,
        {%- for feature in features %}
        {{ '+ ' if not loop.first }}power(
            scaled.{{ feature }} - trained_model.{{ feature }}, 2
        )
        {%- endfor %} as squared_distance_to_other
    from training_clusters
    inner join scaled
        on training_clusters.customer_id = scaled.customer_id
    inner join trained_model
        on training_clusters.cluster != trained_model.cluster
),

-- The fit may have assigned a customer who is equally near to two centroids to the other cluster, so clusters with such
-- ties are not tested.
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
        training_clusters.cluster
    from training_clusters
    inner join scaled
        on training_clusters.customer_id = scaled.customer_id
    group by training_clusters.cluster
)

select
    {%- for feature in features %}
    trained_model.{{ feature }},
    averaged.{{ feature }} as {{ feature }}_mean,
    {%- endfor %}
    trained_model.cluster
from trained_model
inner join averaged
    on trained_model.cluster = averaged.cluster
left join tied_clusters
    on trained_model.cluster = tied_clusters.cluster
where
    tied_clusters.cluster is null
    and greatest(
        {%- for feature in features %}
        abs(trained_model.{{ feature }} - averaged.{{ feature }}),
        {%- endfor %}
        0
    ) > 1e-6
