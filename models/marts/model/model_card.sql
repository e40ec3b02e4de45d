{% set features = setting('features') %}

with serving_model as (
    select * from {{ ref('int_serving_model') }}
),

kmeans_sweep as (
    select * from {{ ref('kmeans_sweep') }}
),

k_selection as (
    select * from {{ ref('k_selection') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

scaling as (
    select * from {{ ref('int_feature_scaling') }}
),

centroids_fingerprinted as (
    select
        md5(
            string_agg(
                concat_ws(
                    ' ', cast(cluster as varchar), cast(cluster_size as varchar)
                    {%- for feature in features %},
                    cast({{ feature }} as varchar)
                    {%- endfor %}
                ),
                '; ' order by cluster
            )
        ) as fingerprint,
        max(k) as k,
        sum(cluster_size) as customers_clustered
    from serving_model
),

scaling_fingerprinted as (
    select
        md5(
            string_agg(
                concat_ws(
                    ' ', feature, transform, cast(center as varchar),
                    cast(scale as varchar)
                ),
                '; ' order by feature_order
            )
        ) as fingerprint,
        string_agg(concat(feature, ': ', transform), ', ' order by feature_order)
            as transforms,
        string_agg(case when is_constant then feature end, ', ' order by feature_order)
            as constant_features
    from scaling
),

-- The versions and the number of starts stand in every row of the sweep.
versions as (
    select
        max(starts_used) as starts_used,
        max(python_version) as python_version,
        max(numpy_version) as numpy_version,
        max(scikit_learn_version) as scikit_learn_version
    from kmeans_sweep
)

select
    ---- ids
    substr(
        md5(
            concat_ws(
                ' ', centroids_fingerprinted.fingerprint,
                scaling_fingerprinted.fingerprint, cast(as_of.as_of_date as varchar)
            )
        ),
        1, 12
    ) as model_id,

    ---- dates
    as_of.as_of_date,

    ---- strings
    '{{ features | join(", ") }}' as features,
    scaling_fingerprinted.transforms,
    scaling_fingerprinted.constant_features,
    '{{ "fixed by the setting k" if setting("k") is not none
        else "lowest Davies-Bouldin index" }}' as selected_by,
    versions.python_version,
    versions.numpy_version,
    versions.scikit_learn_version,
    {{ engine_version() }} as engine_version,
    '{{ dbt_version }}' as dbt_version,

    ---- numerics
    cast({{ setting('seed') }} as bigint) as seed,
    cast(versions.starts_used as bigint) as starts,
    cast(k_selection.k as bigint) as k,
    k_selection.davies_bouldin_index,
    k_selection.silhouette_score,
    k_selection.inertia,
    cast(centroids_fingerprinted.customers_clustered as bigint) as customers_clustered,
    cast(as_of.transactions_used as bigint) as transactions_used,
    cast(as_of.amount_used as decimal(38, 2)) as amount_used
from centroids_fingerprinted
inner join k_selection
    on centroids_fingerprinted.k = k_selection.k
cross join scaling_fingerprinted
cross join versions
cross join as_of
