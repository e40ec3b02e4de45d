with scaled as (
    select * from {{ ref('int_previous_features_scaled') }}
),

model as (
    select * from {{ ref('int_previous_model') }}
),

{{ nearest_clusters(clusterable_features(), previous_clusters_at_most()) }}

select
    nearest.customer_id,
    model.segment_key
from nearest
inner join model
    on nearest.cluster = model.cluster
