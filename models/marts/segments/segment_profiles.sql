with segments_summarised as (
    select * from {{ ref('int_segments_summarised') }}
),

segments_named as (
    select * from {{ ref('int_segments_named') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

unclustered_customers as (
    select * from {{ ref('int_unclustered_customers') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

conditions as (
    select * from {{ ref('int_segment_conditions') }}
),

sentences as (
    select * from {{ playbook_table('segment_descriptions') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

unclustered_summarised as (
    select
        unclustered_customers.segment_key,
        unclustered_customers.segment_name,
        count(*) as cluster_size,
        {{ divide('sum(customer_features.total_spending)', 'count(*)') }}
            as avg_total_spending,
        {{ divide('sum(customer_features.total_quantity)', 'count(*)') }}
            as avg_quantity,
        {{ divide('sum(customer_features.transaction_count)', 'count(*)') }}
            as avg_transactions,
        {{ divide(
            'sum(customer_features.days_since_signup)',
            'count(customer_features.days_since_signup)'
        ) }} as avg_days_since_signup
    from unclustered_customers
    inner join customer_features
        on unclustered_customers.customer_id = customer_features.customer_id
    group by unclustered_customers.segment_key, unclustered_customers.segment_name
),

segments_united as (
    select
        segments_named.cluster,
        segments_named.cluster_id,
        serving_model.segment_key,
        segments_named.segment_name,
        segments_named.archetype,
        segments_named.name_remark,
        segments_summarised.cluster_size,
        segments_summarised.customer_share,
        segments_summarised.spending_share,
        segments_summarised.avg_total_spending,
        segments_summarised.median_total_spending,
        segments_summarised.avg_quantity,
        segments_summarised.avg_transactions,
        segments_summarised.avg_transaction_value,
        segments_summarised.avg_days_since_signup,
        segments_summarised.median_days_since_last_transaction,
        segments_summarised.one_time_share,
        segments_summarised.quiet_share,
        segments_summarised.returned_share
    from segments_summarised
    inner join segments_named
        on segments_summarised.cluster = segments_named.cluster
    inner join serving_model
        on segments_summarised.cluster = serving_model.cluster
    union all
    select
        cast(null as bigint) as cluster,
        cast(null as integer) as cluster_id,
        segment_key,
        segment_name,
        segment_name as archetype,
        cast(null as string) as name_remark,
        cluster_size,
        cast(null as double) as customer_share,
        cast(null as double) as spending_share,
        avg_total_spending,
        cast(null as double) as median_total_spending,
        avg_quantity,
        avg_transactions,
        cast(null as double) as avg_transaction_value,
        avg_days_since_signup,
        cast(null as bigint) as median_days_since_last_transaction,
        cast(null as double) as one_time_share,
        cast(null as double) as quiet_share,
        cast(null as double) as returned_share
    from unclustered_summarised
),

-- A sentence without an archetype is said of every clustered segment for which its condition holds.
descriptions as (
    select
        segments_united.segment_key,
        {{ string_agg(
            'sentences.sentence', ' ', 'sentences.sentence_order, sentences.sentence'
        ) }} as description
    from segments_united
    inner join sentences
        on
            segments_united.archetype = sentences.archetype
            or (
                sentences.archetype is null
                and segments_united.cluster_id is not null
            )
    left join conditions
        on
            segments_united.cluster = conditions.cluster
            and sentences.only_if = conditions.condition
    where sentences.only_if is null or conditions.holds
    group by segments_united.segment_key
)

select
    ---- ids
    segments_united.cluster_id,
    segments_united.segment_key,

    ---- strings
    segments_united.segment_name,
    segments_united.archetype,
    concat_ws(' ', descriptions.description, nullif(segments_united.name_remark, ''))
        as description,

    ---- dates
    as_of.as_of_date,

    ---- numerics
    segments_united.cluster_size as customers,
    segments_united.cluster_size,
    segments_united.customer_share,
    segments_united.avg_total_spending,
    segments_united.avg_quantity,
    segments_united.avg_transactions,
    segments_united.avg_days_since_signup,
    segments_united.spending_share,
    segments_united.median_total_spending,
    segments_united.avg_transaction_value,
    segments_united.median_days_since_last_transaction,
    segments_united.one_time_share,
    segments_united.quiet_share,
    segments_united.returned_share
from segments_united
cross join as_of
left join descriptions
    on segments_united.segment_key = descriptions.segment_key
order by segments_united.cluster_id nulls last, segments_united.segment_key
