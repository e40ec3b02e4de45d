-- A failure means that SQL assigns customers to other clusters than the fit did, or that the model is stale.
with serving_model as (
    select * from {{ ref('int_serving_model') }}
),

customer_clusters as (
    select * from {{ ref('int_customer_clusters') }}
),

clusters_counted as (
    select
        cluster,
        count(*) as assigned_size
    from customer_clusters
    group by cluster
)

select
    serving_model.cluster,
    clusters_counted.cluster as assigned_cluster,
    serving_model.cluster_size,
    clusters_counted.assigned_size
from serving_model
full outer join clusters_counted
    on serving_model.cluster = clusters_counted.cluster
where
    serving_model.cluster_size is null
    or clusters_counted.assigned_size is null
    or serving_model.cluster_size != clusters_counted.assigned_size
