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

clustered as (
    select
        customer_clusters.cluster,
        customer_features.total_spending,
        customer_features.returned_amount,
        customer_features.total_quantity,
        customer_features.transaction_count,
        customer_features.days_since_signup,
        customer_features.days_since_last_transaction,
        customer_activity.is_one_time_buyer,
        customer_activity.is_quiet,
        customer_activity.usual_interval_days
    from customer_clusters
    inner join customer_features
        on customer_clusters.customer_id = customer_features.customer_id
    inner join customer_activity
        on customer_clusters.customer_id = customer_activity.customer_id
),

medians_found as (
    {{- quantiles(
        'clustered', ['total_spending', 'days_since_last_transaction'], [0.5],
        ['cluster']
    ) }}
),

medians_pivoted as (
    select
        cluster,
        max(case when feature = 'total_spending' then quantile end)
            as median_total_spending,
        max(case when feature = 'days_since_last_transaction' then quantile end)
            as median_days_since_last_transaction
    from medians_found
    group by cluster
),

clusters_summarised as (
    select
        clustered.cluster,
        count(*) as cluster_size,
        sum(clustered.total_spending) as total_spending,
        sum(clustered.returned_amount) as returned_amount,
        sum(clustered.total_quantity) as total_quantity,
        sum(clustered.transaction_count) as transaction_count,
        sum(clustered.days_since_signup) as days_since_signup,
        max(medians_pivoted.median_total_spending) as median_total_spending,
        max(medians_pivoted.median_days_since_last_transaction)
            as median_days_since_last_transaction,
        count(
            case
                when clustered.total_spending < overall.avg_total_spending then 1
            end
        ) as below_average,
        count(case when clustered.is_one_time_buyer then 1 end) as one_time_buyers,
        count(case when clustered.returned_amount > 0 then 1 end) as returners,
        count(case when clustered.is_quiet then 1 end) as quiet_customers,
        count(clustered.usual_interval_days) as customers_with_a_rhythm
    from clustered
    inner join medians_pivoted
        on clustered.cluster = medians_pivoted.cluster
    cross join overall
    group by clustered.cluster
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
        median_total_spending,
        median_days_since_last_transaction,
        {{ divide('below_average', 'cluster_size') }} as below_average_share,
        {{ divide('one_time_buyers', 'cluster_size') }} as one_time_share,
        quiet_customers,
        -- Null if nobody has bought on two days: then nobody can be known to be quiet.
        {{ divide('quiet_customers', 'customers_with_a_rhythm') }} as quiet_share,
        {{ ratio('returned_amount', 'total_spending + returned_amount') }}
            as returned_share,
        {{ divide('returners', 'cluster_size') }} as returners_share,
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
    {{ ratio('total_spending', 'all_spending') }} as spending_share,
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
    quiet_share,
    returned_share,
    returners_share
from averaged
