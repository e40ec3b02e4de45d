with previous_model as (
    select * from {{ ref('int_previous_model') }}
),

nearest as (
    {{ nearest_clusters(
        clusterable_features(),
        previous_clusters_at_most(),
        ref('int_previous_features_scaled'),
        ref('int_previous_model')
    ) | indent }}
)

select
    nearest.customer_id,
    previous_model.segment_key
from nearest
inner join previous_model
    on nearest.cluster = previous_model.cluster
