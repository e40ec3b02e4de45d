with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

customer_clusters as (
    select * from {{ ref('int_customer_clusters') }}
),

customer_activity as (
    select * from {{ ref('int_customer_activity') }}
),

unclustered_customers as (
    select * from {{ ref('int_unclustered_customers') }}
),

customer_reasons as (
    select * from {{ ref('int_customer_reasons') }}
),

segments_named as (
    select * from {{ ref('int_segments_named') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

overrides as (
    select * from {{ ref('int_segment_overrides') }}
),

-- The archetypes of segments that overrides can assign; an override must name an existing segment.
archetypes as (
    select
        segment_name,
        archetype
    from segments_named
    union all
    select distinct
        segment_name,
        segment_name as archetype
    from unclustered_customers
)

select
    ---- ids
    customer_features.customer_id,
    segments_named.cluster_id,
    coalesce(serving_model.segment_key, unclustered_customers.segment_key)
        as segment_key,

    ---- strings
    coalesce(
        overrides.segment_name,
        segments_named.segment_name,
        unclustered_customers.segment_name
    ) as segment_name,
    coalesce(
        archetypes.archetype,
        segments_named.archetype,
        unclustered_customers.segment_name
    ) as archetype,
    coalesce(segments_named.segment_name, unclustered_customers.segment_name)
        as model_segment_name,
    overrides.reason as override_reason,
    runner_up.segment_name as runner_up_segment_name,
    customer_reasons.reason,
    customer_reasons.strongest_feature,
    customer_reasons.second_feature,
    customer_reasons.opposing_feature,

    ---- booleans
    overrides.customer_id is not null as is_overridden,
    coalesce(customer_activity.is_one_time_buyer, false) as is_one_time_buyer,
    coalesce(customer_activity.is_quiet, false) as is_quiet,

    ---- features
    customer_features.total_spending,
    customer_features.total_quantity,
    customer_features.transaction_count,
    customer_features.days_since_signup,
    customer_features.days_since_last_transaction,
    customer_features.average_transaction_value,

    ---- numerics
    customer_features.returned_amount,
    customer_activity.usual_interval_days,
    customer_clusters.distance_to_centroid,
    case
        when customer_clusters.distance_to_runner_up = 0 then cast(0 as double)
        else
            1 - customer_clusters.distance_to_centroid
            / customer_clusters.distance_to_runner_up
    end as margin,
    customer_reasons.strongest_contribution,
    customer_reasons.second_contribution,
    customer_reasons.opposing_contribution
from customer_features
left join unclustered_customers
    on customer_features.customer_id = unclustered_customers.customer_id
left join customer_activity
    on customer_features.customer_id = customer_activity.customer_id
left join customer_clusters
    on customer_features.customer_id = customer_clusters.customer_id
left join customer_reasons
    on customer_features.customer_id = customer_reasons.customer_id
left join segments_named
    on customer_clusters.cluster = segments_named.cluster
left join serving_model
    on customer_clusters.cluster = serving_model.cluster
left join segments_named as runner_up
    on customer_clusters.runner_up_cluster = runner_up.cluster
left join overrides
    on customer_features.customer_id = overrides.customer_id
left join archetypes
    on overrides.segment_name = archetypes.segment_name
{{ order_customers_by(['customer_features.customer_id']) }}
