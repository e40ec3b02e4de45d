{{ history_config(partition_by='build') }}
{#-
    A build is logged in a single insert, and so atomically. The log depends on every mart and every tested table, so
    that dbt build reaches it only after all of them have been built and passed their tests.
    tests/python/project/test_rooms.py fails if one is missing here.
-#}
{% for model in [
    'action_results',
    'audiences',
    'customer_360',
    'customer_segments',
    'data_quality',
    'feature_catalogue',
    'k_selection',
    'segment_actions',
    'segment_alternative_borders',
    'segment_alternative_map',
    'segment_alternatives',
    'segment_attributes',
    'segment_borders',
    'segment_expected_spending',
    'segment_features',
    'segment_map',
    'segment_map_axes',
    'segment_months',
    'segment_profiles',
    'segmentation_model_centroids',
    'segmentation_models',
    'int_days',
    'int_input_volumes',
    'int_rejected_customers',
    'int_rejected_transactions',
] + (
    ['int_rejected_suppressions'] if setting('suppressions_location') is not none else []
) if model not in setting('disabled_marts') -%}
-- depends_on: {{ ref(model) }}
{% endfor %}
with stored_builds as (
    select * from {{ stored_builds() }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

previous_segments as (
    select * from {{ previous_segments() }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

trained_model as (
    select * from {{ ref('int_trained_model') }}
),

migrations as (
    select * from {{ ref('int_segment_migrations') }}
),

drift as (
    select * from {{ ref('int_segment_drift') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

last_build as (
    select
        coalesce(max(build), 0) as build,
        max_by(model_id, build) as model_id,
        max_by(fingerprint, build) as fingerprint,
        max_by(trained_model_id, build) filter (where trained_model_id is not null)
            as trained_model_id
    from stored_builds
    where is_build
),

models as (
    select
        (select max(serving_model.model_id) from serving_model) as model_id,
        (
            select max(trained_model.model_id)
            from trained_model
            where trained_model.invocation_id = {{ current_invocation() }}
        ) as trained_model_id
),

segments_counted as (
    select
        segment_key,
        max(model_segment_name) as segment_name,
        count(*) as customers,
        cast(sum(total_spending) as decimal(38, 2)) as total_spending
    from customer_segments
    group by segment_key
),

segments_listed as (
    select
        {{ array_agg_rows(
            [
                'segment_key', 'segment_name', 'customers', 'total_spending'
            ],
            ['segment_key']
        ) }} as segments
    from segments_counted
),

migrations_listed as (
    select
        {{ array_agg_rows(
            [
                'step', 'from_segment_key', 'to_segment_key', 'customers',
                'total_spending'
            ],
            ['step', 'from_segment_key', 'to_segment_key']
        ) }} as migrations
    from migrations
),

drift_listed as (
    select
        {{ array_agg_rows(
            [
                'measure_order', 'measure', 'subject', 'value', 'training_value',
                'threshold', 'is_exceeded'
            ],
            ['measure_order', 'subject']
        ) }} as drift
    from drift
),

-- The same customers in the same segments have the same fingerprint, independent of their order.
customers_fingerprinted as (
    select
        count(*) as customers,
        count(cluster_id) as customers_clustered,
        count(case when is_overridden then 1 end) as customers_overridden,
        {{ hash_agg(
            "concat_ws('|', customer_id, segment_key, model_segment_name, segment_name,"
            ~ ' cast(total_spending as string), cast(distance_to_centroid as string))'
        ) }} as fingerprint
    from customer_segments
),

build_described as (
    select
        cast(last_build.build + 1 as integer) as build,
        as_of.as_of_date,
        models.model_id,
        models.trained_model_id,
        last_build.model_id as previous_model_id,
        last_build.fingerprint as previous_fingerprint,
        md5(
            concat_ws(
                ' ', models.model_id,
                coalesce(models.trained_model_id, last_build.trained_model_id),
                cast(as_of.as_of_date as string),
                cast(customers_fingerprinted.customers as string),
                cast(customers_fingerprinted.fingerprint as string)
            )
        ) as fingerprint,
        customers_fingerprinted.customers,
        customers_fingerprinted.customers_clustered,
        customers_fingerprinted.customers_overridden,
        segments_listed.segments,
        migrations_listed.migrations,
        drift_listed.drift
    from last_build
    cross join models
    cross join as_of
    cross join customers_fingerprinted
    cross join segments_listed
    cross join migrations_listed
    cross join drift_listed
),

-- A build that changes nothing is not logged, and history begins with the first customer. A run of only some models
-- would log marts of different runs, so it is not logged either.
new_build as (
    select *
    from build_described
    where
        {{ 'true' if is_whole_run() and not flags.EMPTY else 'false' }}
        and fingerprint != coalesce(previous_fingerprint, '')
        and (customers > 0 or previous_fingerprint is not null)
),

customers_changed as (
    select
        coalesce(customer_segments.customer_id, previous_segments.customer_id)
            as customer_id,
        customer_segments.segment_key,
        customer_segments.model_segment_name as segment_name
    from customer_segments
    full outer join previous_segments
        on customer_segments.customer_id = previous_segments.customer_id
    where
        customer_segments.segment_key is distinct from previous_segments.segment_key
        or customer_segments.model_segment_name
        is distinct from previous_segments.segment_name
)

select
    build,
    true as is_build,
    as_of_date,
    model_id,
    trained_model_id,
    previous_model_id,
    fingerprint,
    customers,
    customers_clustered,
    customers_overridden,
    cast(segments as {{ logged_segment_type() }}) as segments,
    migrations,
    drift,
    cast(null as string) as customer_id,
    cast(null as string) as segment_key,
    cast(null as string) as segment_name
from new_build
union all
select
    new_build.build,
    false as is_build,
    new_build.as_of_date,
    new_build.model_id,
    null as trained_model_id,
    null as previous_model_id,
    null as fingerprint,
    null as customers,
    null as customers_clustered,
    null as customers_overridden,
    null as segments,
    null as migrations,
    null as drift,
    customers_changed.customer_id,
    customers_changed.segment_key,
    customers_changed.segment_name
from customers_changed
cross join new_build
