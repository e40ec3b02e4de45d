with training_clusters as (
    select * from {{ ref('int_training_clusters') }}
),

previous_clusters as (
    select * from {{ ref('int_previous_clusters') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

clusters_counted as (
    select
        training_clusters.cluster,
        count(*) as cluster_size,
        row_number() over (
            order by
                {{ divide('sum(customer_features.total_spending)', 'count(*)') }},
                training_clusters.cluster
        ) as spending_order
    from training_clusters
    inner join customer_features
        on training_clusters.customer_id = customer_features.customer_id
    group by training_clusters.cluster
),

previous_counted as (
    select
        segment_key,
        count(*) as previous_size
    from previous_clusters
    group by segment_key
),

shared_counted as (
    select
        training_clusters.cluster,
        previous_clusters.segment_key,
        count(*) as shared_customers
    from training_clusters
    inner join previous_clusters
        on training_clusters.customer_id = previous_clusters.customer_id
    group by training_clusters.cluster, previous_clusters.segment_key
)

-- Jaccard index: customers in both divided by customers in either.
select
    clusters_counted.cluster,
    cast(clusters_counted.spending_order as integer) as spending_order,
    shared_counted.segment_key as previous_segment_key,
    coalesce(shared_counted.shared_customers, 0) as shared_customers,
    {{ divide(
        'shared_counted.shared_customers',
        'clusters_counted.cluster_size + previous_counted.previous_size'
        ~ ' - shared_counted.shared_customers'
    ) }} as jaccard_index
from clusters_counted
left join shared_counted
    on clusters_counted.cluster = shared_counted.cluster
left join previous_counted
    on shared_counted.segment_key = previous_counted.segment_key
