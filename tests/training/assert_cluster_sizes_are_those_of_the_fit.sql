-- A failure means that SQL assigns customers to different clusters than the fit did, or that the model is stale.
with trained_model as (
    select * from {{ ref('int_trained_model') }}
),

training_clusters as (
    select * from {{ ref('int_training_clusters') }}
),

clusters_counted as (
    select
        cluster,
        count(*) as assigned_size
    from training_clusters
    group by cluster
)

select
    trained_model.cluster,
    clusters_counted.cluster as assigned_cluster,
    trained_model.cluster_size,
    clusters_counted.assigned_size
from trained_model
full outer join clusters_counted
    on trained_model.cluster = clusters_counted.cluster
where
    trained_model.cluster_size is null
    or clusters_counted.assigned_size is null
    or trained_model.cluster_size != clusters_counted.assigned_size
