with customer_clusters as (
    select * from {{ ref('int_customer_clusters') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

clusters_summarised as (
    select
        customer_clusters.cluster,
        count(*) as cluster_size,
        sum(customer_features.total_spending) as total_spending,
        sum(customer_features.total_quantity) as total_quantity,
        sum(customer_features.transaction_count) as transaction_count,
        sum(customer_features.days_since_signup) as days_since_signup
    from customer_clusters
    inner join customer_features
        on customer_clusters.customer_id = customer_features.customer_id
    group by customer_clusters.cluster
),

averaged as (
    select
        cluster,
        cluster_size,
        total_spending,
        {{ divide('total_spending', 'cluster_size') }} as avg_total_spending,
        {{ divide('total_quantity', 'cluster_size') }} as avg_quantity,
        {{ divide('transaction_count', 'cluster_size') }} as avg_transactions,
        {{ divide('days_since_signup', 'cluster_size') }} as avg_days_since_signup,
        sum(cluster_size) over () as all_customers,
        sum(total_spending) over () as all_spending
    from clusters_summarised
)

select
    ---- ids
    cluster,
    -- The public number of the segment, in ascending order of average total spending.
    cast(row_number() over (order by avg_total_spending, cluster) - 1 as integer)
        as cluster_id,

    ---- numerics
    cast(cluster_size as bigint) as cluster_size,
    {{ divide('cluster_size', 'all_customers') }} as customer_share,
    {{ divide('total_spending', 'all_spending') }} as spending_share,
    avg_total_spending,
    avg_quantity,
    avg_transactions,
    avg_days_since_signup
from averaged
