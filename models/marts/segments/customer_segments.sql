with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

customer_clusters as (
    select * from {{ ref('int_customer_clusters') }}
),

segments_named as (
    select * from {{ ref('int_segments_named') }}
)

select
    ---- ids
    customer_features.customer_id,
    segments_named.cluster_id,

    ---- strings
    coalesce(segments_named.segment_name, 'No Purchases') as segment_name,
    coalesce(segments_named.archetype, 'No Purchases') as archetype,

    ---- features
    customer_features.total_spending,
    customer_features.total_quantity,
    customer_features.transaction_count,
    customer_features.days_since_signup,
    customer_features.days_since_last_transaction,
    customer_features.average_transaction_value,

    ---- numerics
    customer_features.returned_amount,
    customer_clusters.distance_to_centroid
from customer_features
left join customer_clusters
    on customer_features.customer_id = customer_clusters.customer_id
left join segments_named
    on customer_clusters.cluster = segments_named.cluster
order by customer_features.customer_id
