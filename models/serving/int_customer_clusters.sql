with scaled as (
    select * from {{ ref('int_customer_features_scaled') }}
),

model as (
    select * from {{ ref('int_serving_model') }}
),

{{ nearest_clusters(setting('features'), clusters_at_most()) }}

select * from nearest
