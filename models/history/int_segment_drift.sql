with model_register as (
    select * from {{ ref('int_model_register') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

customer_clusters as (
    select * from {{ ref('int_customer_clusters') }}
),

served as (
    select
        bins,
        mean_distance,
        distance_p999,
        customers_clustered
    from model_register
    where model_id in (select serving_model.model_id from serving_model)
),

-- ---- segment shares
clusters_counted as (
    select
        cluster,
        count(*) as customers
    from customer_clusters
    group by cluster
),

shares as (
    select
        serving_model.segment_key,
        {{ divide(
            'serving_model.cluster_size', 'sum(serving_model.cluster_size) over ()'
        ) }} as trained_share,
        {{ divide(
            'coalesce(clusters_counted.customers, 0)',
            'sum(clusters_counted.customers) over ()'
        ) }} as share
    from serving_model
    left join clusters_counted
        on serving_model.cluster = clusters_counted.cluster
),

-- ---- features
bins as (
    select {{ unnest_structs('bins') }}  -- noqa: AL03
    from served
),

edges as (
    select distinct
        feature,
        edges
    from bins
),

clustered as (
    select *
    from customer_features
    where is_clustered
),

features_unpivoted as (
    {{- unpivot('clustered', setting('features'), 'feature', 'value') }}
),

values_binned as (
    select
        features_unpivoted.feature,
        {{ bin_index('features_unpivoted.value', 'edges.edges') }} as bin,
        count(*) as customers
    from features_unpivoted
    inner join edges
        on features_unpivoted.feature = edges.feature
    group by features_unpivoted.feature, bin
),

features_compared as (
    select
        bins.feature,
        bins.share as trained_share,
        {{ divide(
            'coalesce(values_binned.customers, 0)',
            'sum(values_binned.customers) over (partition by bins.feature)'
        ) }} as share
    from bins
    left join values_binned
        on
            bins.feature = values_binned.feature
            and bins.bin = values_binned.bin
),

-- ---- distances
distances as (
    select
        {{ round_significant(divide(
            exact_sum('customer_clusters.distance_to_centroid'), 'count(*)'
        )) }} as mean_distance,
        {{ divide(
            'count(case when customer_clusters.distance_to_centroid'
            ~ ' > served.distance_p999 then 1 end)',
            'count(*)'
        ) }} as outlier_share
    from customer_clusters
    cross join served
),

measures_united as (
    select
        1 as measure_order,
        'segment_share' as measure,
        segment_key as subject,
        share as value,
        trained_share as training_value,
        cast(null as double) as threshold
    from shares
    union all
    select
        2 as measure_order,
        'segment_psi' as measure,
        'all segments' as subject,
        {{ population_stability_index('share', 'trained_share') }} as value,
        0 as training_value,
        {{ setting('drift_psi_warn') }} as threshold
    from shares
    having count(*) > 0
    union all
    select
        3 as measure_order,
        'feature_psi' as measure,
        feature as subject,
        {{ population_stability_index('share', 'trained_share') }} as value,
        0 as training_value,
        {{ setting('drift_psi_warn') }} as threshold
    from features_compared
    group by feature
    union all
    select
        4 as measure_order,
        'mean_distance' as measure,
        'all customers' as subject,
        distances.mean_distance as value,
        served.mean_distance as training_value,
        served.mean_distance * {{ setting('drift_distance_warn') }} as threshold
    from distances
    cross join served
    union all
    -- With fewer customers, a thousandth of them is only a handful.
    select
        5 as measure_order,
        'outlier_share' as measure,
        'all customers' as subject,
        distances.outlier_share as value,
        0.001 as training_value,
        {{ setting('drift_outliers_warn') }} as threshold
    from distances
    cross join served
    where served.customers_clustered >= 5000
)

select
    cast(measure_order as integer) as measure_order,
    measure,
    subject,
    value,
    cast(training_value as double) as training_value,
    cast(threshold as double) as threshold,
    coalesce(value > threshold, false) as is_exceeded
from measures_united
