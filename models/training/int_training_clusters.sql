with scaled as (
    select * from {{ ref('int_training_features_scaled') }}
),

model as (
    select * from {{ ref('int_trained_model') }}
),

{{ nearest_clusters(setting('features'), clusters_at_most()) }}

select * from nearest
