-- A failure means that there are clustered customers but not exactly one serving model, or that the customer count of a
-- newly trained model is wrong.
with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

segmentation_models as (
    select * from {{ ref('segmentation_models') }}
),

serving_models as (
    select
        model_id,
        customers_clustered
    from segmentation_models
    where is_serving
),

trained_model as (
    select * from {{ ref('int_trained_model') }}
),

counted as (
    select
        (
            select count(*)
            from customer_features
            where is_clustered
        ) as clustered_customers,
        (
            select count(*)
            from serving_models
        ) as models_serving,
        (
            select coalesce(sum(customers_clustered), 0)
            from serving_models
            where model_id in (select trained_model.model_id from trained_model)
        ) as customers_in_mart,
        (
            select coalesce(sum(cluster_size), 0)
            from trained_model
            where model_id in (select serving_models.model_id from serving_models)
        ) as customers_trained_with
)

select *
from counted
where
    models_serving > 1
    or (clustered_customers > 0 and models_serving = 0)
    or customers_in_mart != customers_trained_with
