{% set features = setting('features') %}
{% set fixed_k = setting('k') %}
{% set features_as_text = 'cast(' ~ features | join(' as string), cast(') ~ ' as string)' %}
{#- The settings that the model depends on. -#}
{% set settings_of_the_fit = [] %}
{% for name in [
    'features', 'winsorize', 'k_min', 'k_max', 'k', 'seed', 'starts', 'min_segment_share', 'min_segment_size',
    'require_admissible_k', 'observation_window_days', 'search_sample_size', 'refit_sample_size',
    'validation_sample_size', 'stability_refits', 'gap_references', 'stability_required',
] %}
{% do settings_of_the_fit.append(name ~ ': ' ~ tojson(setting(name))) %}
{% endfor %}
{% do settings_of_the_fit.append(transforms_text()) %}

with int_kmeans_sweep as (
    select * from {{ ref('int_kmeans_sweep') }}
),

scaling as (
    select * from {{ ref('int_feature_scaling') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

selected_k as (
    select k
    from {{ ref('int_selected_k') }}
    where is_selected
),

selected as (
    select *
    from int_kmeans_sweep
    where k in (select selected_k.k from selected_k)
),

-- The fingerprint does not depend on the order of the customers.
customers_fingerprinted as (
    select
        concat_ws(
            ' ', cast(count(*) as string),
            cast(
                {{ hash_agg(
                    "concat_ws('|', customer_id, " ~ features_as_text ~ ')'
                ) }} as string
            )
        ) as input_fingerprint
    from customer_features
    where is_clustered
),

scaling_fingerprinted as (
    select
        {{ string_agg(
            "concat_ws(' ', feature, transform, cast(center as string),"
            ~ ' cast(scale as string))',
            '; ',
            'feature_order'
        ) }} as fingerprint
    from scaling
),

centroids_fingerprinted as (
    select
        {{ string_agg(
            "concat_ws(' ', cast(cluster as string), cast(cluster_size as string), "
            ~ features_as_text ~ ')',
            '; ',
            'cluster'
        ) }} as fingerprint,
        max(concat_ws(' ', python_version, numpy_version, scikit_learn_version))
            as versions
    from selected
)
{%- if fixed_k is not none %},

ks_tried as (
    select
        max(k) as largest_k,
        {{ string_agg(
            'cast(k as string)', ', ', 'cast(k as string)', distinct=true
        ) }} as ks
    from int_kmeans_sweep
    having
        count(*) > 0
        and count(case when k = {{ fixed_k }} then 1 end) = 0
)
{%- endif %}

select
    substr(
        md5(
            concat_ws(
                ' ', customers_fingerprinted.input_fingerprint,
                scaling_fingerprinted.fingerprint, centroids_fingerprinted.fingerprint,
                centroids_fingerprinted.versions, {{ engine_version() }},
                {{ quote_literal(settings_of_the_fit | join('; ')) }}
            )
        ),
        1, 12
    ) as model_id,
    substr(md5(customers_fingerprinted.input_fingerprint), 1, 12) as input_fingerprint,
    selected.k,
    selected.cluster,
    {%- for feature in features %}
    selected.{{ feature }},
    {%- endfor %}
    selected.cluster_size,
    {{ current_invocation() }} as invocation_id
from selected
cross join customers_fingerprinted
cross join scaling_fingerprinted
cross join centroids_fingerprinted
{%- if fixed_k is not none %}
union all
-- A sweep from a run with other settings may not have this k. Spark computes the columns of an aggregate before it
-- looks at `having`, so that the error is raised outside of it.
select
    {{ raise_error(
        'concat('
        ~ quote_literal("Setting 'k' is " ~ fixed_k ~ ', but the last sweep tried k = ')
        ~ ', ks_tried.ks, '
        ~ quote_literal(
            '. Run the sweep with this k: dbt build,'
            ~ ' or dbt build --select int_kmeans_sweep+.'
        )
        ~ ')'
    ) }} as model_id,
    '' as input_fingerprint,
    ks_tried.largest_k as k,
    0 as cluster,
    {%- for feature in features %}
    cast(0 as double) as {{ feature }},
    {%- endfor %}
    0 as cluster_size,
    '' as invocation_id
from ks_tried
{%- endif %}
