with customer_clusters as (
    select * from {{ ref('int_customer_clusters') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

customer_activity as (
    select * from {{ ref('int_customer_activity') }}
),

overall as (
    select {{ divide('sum(total_spending)', 'count(*)') }} as avg_total_spending
    from customer_features
    where is_clustered
),

clusters_summarised as (
    select
        customer_clusters.cluster,
        count(*) as cluster_size,
        sum(customer_features.total_spending) as total_spending,
        sum(customer_features.total_quantity) as total_quantity,
        sum(customer_features.transaction_count) as transaction_count,
        sum(customer_features.days_since_signup) as days_since_signup,
        {{ median_disc('customer_features.total_spending') }} as median_total_spending,
        {{ median_disc('customer_features.days_since_last_transaction') }}
            as median_days_since_last_transaction,
        count(
            case
                when customer_features.total_spending < overall.avg_total_spending
                    then 1
            end
        ) as below_average,
        count(case when customer_activity.is_one_time_buyer then 1 end)
            as one_time_buyers,
        count(case when customer_activity.is_quiet then 1 end) as quiet_customers
    from customer_clusters
    inner join customer_features
        on customer_clusters.customer_id = customer_features.customer_id
    inner join customer_activity
        on customer_clusters.customer_id = customer_activity.customer_id
    cross join overall
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
        {{ divide('total_spending', 'transaction_count') }} as avg_transaction_value,
        cast(median_total_spending as double) as median_total_spending,
        median_days_since_last_transaction,
        {{ divide('below_average', 'cluster_size') }} as below_average_share,
        {{ divide('one_time_buyers', 'cluster_size') }} as one_time_share,
        quiet_customers,
        {{ divide('quiet_customers', 'cluster_size') }} as quiet_share,
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
    median_total_spending,
    below_average_share,
    avg_quantity,
    avg_transactions,
    avg_transaction_value,
    avg_days_since_signup,
    cast(median_days_since_last_transaction as bigint)
        as median_days_since_last_transaction,
    one_time_share,
    quiet_customers,
    quiet_share
from averaged
