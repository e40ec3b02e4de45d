{{ history_config(partition_by='sequence', on_schema_change='append_new_columns') }}
{#- One row per model, so that a model is stored atomically. -#}
{% set features = setting('features') %}

with trained_model as (
    select * from {{ ref('int_trained_model') }}
),

training_clusters as (
    select * from {{ ref('int_training_clusters') }}
),

int_segment_matches as (
    select * from {{ ref('int_segment_matches') }}
),

training_bins as (
    select * from {{ ref('int_training_bins') }}
),

scaling as (
    select * from {{ ref('int_feature_scaling') }}
),

int_map_axes as (
    select * from {{ ref('int_map_axes') }}
),

int_kmeans_sweep as (
    select * from {{ ref('int_kmeans_sweep') }}
),

int_kmeans_validation as (
    select * from {{ ref('int_kmeans_validation') }}
),

int_kmeans_borders as (
    select * from {{ ref('int_kmeans_borders') }}
),

selected_k as (
    select * from {{ ref('int_selected_k') }}
),

int_second_opinion as (
    select * from {{ ref('int_second_opinion') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

stored as (
    select
        model_id,
        sequence,
        {{ unnest_structs('clusters') }}  -- noqa: AL03
    from {{ stored_models() }}
),

stored_summarised as (
    select
        coalesce(max(sequence), 0) as last_sequence,
        coalesce(max(cast(substr(segment_key, 2) as integer)), 0) as last_key
    from stored
),

-- A cluster that does not continue a segment gets a new key; new keys ascend by average total spending.
keys_given as (
    select
        int_segment_matches.cluster,
        coalesce(
            int_segment_matches.segment_key,
            concat(
                'S',
                cast(
                    stored_summarised.last_key + row_number() over (
                        partition by int_segment_matches.segment_key is null
                        order by int_segment_matches.spending_order
                    ) as string
                )
            )
        ) as segment_key
    from int_segment_matches
    cross join stored_summarised
),

distances_summarised as (
    select
        cluster,
        {{ round_significant(
            divide(exact_sum('distance_to_centroid'), 'count(*)')
        ) }} as mean_distance
    from training_clusters
    group by cluster
),

distances_overall as (
    select
        {{ round_significant(
            divide(exact_sum('distance_to_centroid'), 'count(*)')
        ) }} as mean_distance
    from training_clusters
),

distance_quantiles as (
    {{- quantiles('training_clusters', ['distance_to_centroid'], [0.999]) }}
),

-- One row, of nulls if nobody is clustered.
distances_at_most as (
    select max(quantile) as distance_p999
    from distance_quantiles
),

axes_pivoted as (
    select
        feature,
        max(case when axis = 1 then loading end) as loading_x,
        max(case when axis = 2 then loading end) as loading_y,
        max(case when axis = 1 then explained_variance_share end) as explained_x,
        max(case when axis = 2 then explained_variance_share end) as explained_y
    from int_map_axes
    group by feature
),

centroids_unpivoted as (
    {{- unpivot(
        'trained_model', features, 'feature', 'centroid', ['cluster', 'cluster_size']
    ) }}
),

clusters_joined as (
    select
        centroids_unpivoted.cluster,
        keys_given.segment_key,
        centroids_unpivoted.cluster_size,
        distances_summarised.mean_distance,
        scaling.feature_order,
        centroids_unpivoted.feature,
        scaling.transform,
        scaling.lower_bound,
        scaling.upper_bound,
        scaling.center,
        scaling.scale,
        centroids_unpivoted.centroid,
        {{ unscaled('centroids_unpivoted.centroid', 'scaling') | indent(8) }}
            as centroid_original,
        axes_pivoted.loading_x,
        axes_pivoted.loading_y,
        axes_pivoted.explained_x,
        axes_pivoted.explained_y
    from centroids_unpivoted
    inner join keys_given
        on centroids_unpivoted.cluster = keys_given.cluster
    inner join distances_summarised
        on centroids_unpivoted.cluster = distances_summarised.cluster
    inner join scaling
        on centroids_unpivoted.feature = scaling.feature
    inner join axes_pivoted
        on centroids_unpivoted.feature = axes_pivoted.feature
),

clusters_listed as (
    select
        {{ array_agg_rows(
            [
                'cluster', 'segment_key', 'cluster_size', 'mean_distance',
                'feature_order', 'feature', 'transform', 'lower_bound', 'upper_bound',
                'center', 'scale', 'centroid', 'centroid_original', 'loading_x',
                'loading_y', 'explained_x', 'explained_y'
            ],
            ['cluster', 'feature_order']
        ) }} as clusters
    from clusters_joined
),

ks_joined as (
    select
        int_kmeans_sweep.k,
        int_kmeans_sweep.cluster,
        int_kmeans_sweep.cluster_size,
        int_kmeans_sweep.inertia,
        int_kmeans_sweep.davies_bouldin_index,
        int_kmeans_sweep.silhouette_score,
        int_kmeans_sweep.silhouette_standard_error,
        int_kmeans_sweep.calinski_harabasz_index,
        int_kmeans_sweep.smallest_cluster_size,
        int_kmeans_sweep.smallest_size_required,
        selected_k.is_large_enough,
        selected_k.is_admissible,
        selected_k.is_best_k
    from int_kmeans_sweep
    inner join selected_k
        on int_kmeans_sweep.k = selected_k.k
),

ks_listed as (
    select
        {{ array_agg_rows(
            [
                'k', 'cluster', 'cluster_size', 'inertia', 'davies_bouldin_index',
                'silhouette_score', 'silhouette_standard_error',
                'calinski_harabasz_index', 'smallest_cluster_size',
                'smallest_size_required', 'is_large_enough', 'is_admissible',
                'is_best_k'
            ],
            ['k', 'cluster']
        ) }} as ks
    from ks_joined
),

validations_listed as (
    select
        {{ array_agg_rows(
            [
                'k', 'customers_measured', 'stability_index', 'gap_statistic',
                'gap_standard_error', 'buying_gap_statistic',
                'buying_gap_standard_error'
            ],
            ['k']
        ) }} as validations
    from int_kmeans_validation
),

borders_listed as (
    select
        {{ array_agg_rows(
            [
                'k', 'cluster', 'neighbour', 'customers', 'customers_near',
                'density_ratio', 'p_value', 'local_density_ratio',
                'customers_measured'
            ],
            ['k', 'cluster', 'neighbour']
        ) }} as borders
    from int_kmeans_borders
),

bins_listed as (
    select
        {{ array_agg_rows(
            [
                'feature', 'edges', 'bin', 'share'
            ],
            ['feature_order', 'bin']
        ) }} as bins
    from training_bins
),

features_summarised as (
    select
        {{ string_agg(
            'case when is_constant then feature end', ', ', 'feature_order'
        ) }}
            as constant_features
    from scaling
),

models_summarised as (
    select
        model_id,
        input_fingerprint,
        k,
        sum(cluster_size) as customers_clustered
    from trained_model
    group by model_id, input_fingerprint, k
),

-- Settings that can be null. Sail makes the column of a literal NOT NULL as it creates
-- the table, and would refuse the null of a later build. A left join lets it take nulls.
settings_given as (
    select
        cast({{ setting('winsorize') or 'null' }} as double) as winsorize,
        cast({{ setting('observation_window_days') or 'null' }} as bigint)
            as observation_window_days
),

-- The versions and the number of starts are repeated in every row of the sweep.
versions as (
    select
        max(starts_used) as starts_used,
        max(python_version) as python_version,
        max(numpy_version) as numpy_version,
        max(scikit_learn_version) as scikit_learn_version
    from int_kmeans_sweep
)

select
    models_summarised.model_id,
    cast(stored_summarised.last_sequence + 1 as integer) as sequence,
    as_of.as_of_date,
    models_summarised.input_fingerprint,
    '{{ features | join(", ") }}' as features,
    '{{ transforms_text() }}' as transforms,
    settings_given.winsorize,
    features_summarised.constant_features,
    '{{ "fixed by the setting k" if setting("k") is not none
        else "lowest Davies-Bouldin index" }}' as selected_by,
    versions.python_version,
    versions.numpy_version,
    versions.scikit_learn_version,
    {{ engine_version() }} as engine_version,
    '{{ dbt_version }}' as dbt_version,
    cast({{ setting('seed') }} as bigint) as seed,
    cast(versions.starts_used as bigint) as starts,
    cast(models_summarised.k as bigint) as k,
    cast(models_summarised.customers_clustered as bigint) as customers_clustered,
    cast(as_of.transactions_used as bigint) as transactions_used,
    cast(as_of.amount_used as decimal(38, 2)) as amount_used,
    distances_overall.mean_distance,
    distances_at_most.distance_p999,
    clusters_listed.clusters,
    ks_listed.ks,
    bins_listed.bins,
    validations_listed.validations,
    borders_listed.borders,
    settings_given.observation_window_days,
    '{{ setting('tenure_from') }}' as tenure_from,
    int_second_opinion.inertia_ratio,
    int_second_opinion.largest_metric_difference
from models_summarised
cross join stored_summarised
cross join as_of
cross join features_summarised
cross join versions
cross join distances_overall
cross join distances_at_most
cross join clusters_listed
cross join ks_listed
cross join bins_listed
cross join validations_listed
cross join borders_listed
cross join int_second_opinion
left join settings_given on true
-- An identical model is stored only once.
where
    models_summarised.model_id not in (
        select stored_models.model_id from {{ stored_models() }} as stored_models
    )
