with segments_summarised as (
    select * from {{ ref('int_segments_summarised') }}
),

segments_named as (
    select * from {{ ref('int_segments_named') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

playbook as (
    select * from {{ ref('segment_playbook') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

descriptions as (
    select
        archetype,
        max(description) as description
    from playbook
    group by archetype
),

without_purchases as (
    select
        'No Purchases' as segment_name,
        count(*) as cluster_size,
        {{ divide('sum(total_spending)', 'count(*)') }} as avg_total_spending,
        {{ divide('sum(total_quantity)', 'count(*)') }} as avg_quantity,
        {{ divide('sum(transaction_count)', 'count(*)') }} as avg_transactions,
        {{ divide('sum(days_since_signup)', 'count(days_since_signup)') }}
            as avg_days_since_signup
    from customer_features
    where not is_clustered
),

segments_united as (
    select
        segments_named.cluster_id,
        serving_model.segment_key,
        segments_named.segment_name,
        segments_named.archetype,
        segments_summarised.cluster_size,
        segments_summarised.customer_share,
        segments_summarised.spending_share,
        segments_summarised.avg_total_spending,
        segments_summarised.avg_quantity,
        segments_summarised.avg_transactions,
        segments_summarised.avg_days_since_signup
    from segments_summarised
    inner join segments_named
        on segments_summarised.cluster = segments_named.cluster
    inner join serving_model
        on segments_summarised.cluster = serving_model.cluster
    union all
    select
        cast(null as integer) as cluster_id,
        'S0' as segment_key,
        segment_name,
        segment_name as archetype,
        cluster_size,
        cast(null as double) as customer_share,
        cast(null as double) as spending_share,
        avg_total_spending,
        avg_quantity,
        avg_transactions,
        avg_days_since_signup
    from without_purchases
    where cluster_size > 0
)

select
    ---- ids
    segments_united.cluster_id,
    segments_united.segment_key,

    ---- strings
    segments_united.segment_name,
    segments_united.archetype,
    descriptions.description,

    ---- dates
    as_of.as_of_date,

    ---- numerics
    segments_united.cluster_size,
    segments_united.customer_share,
    segments_united.avg_total_spending,
    segments_united.avg_quantity,
    segments_united.avg_transactions,
    segments_united.avg_days_since_signup,
    segments_united.spending_share
from segments_united
cross join as_of
left join descriptions
    on segments_united.archetype = descriptions.archetype
order by segments_united.cluster_id nulls last
