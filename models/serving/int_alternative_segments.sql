{%- set features, clustered = clusterable_features(), setting('features') %}
with alternative_sums as (
    select
        *,
        -- A number that no cluster of another k has.
        k * 1000 + cluster as alternative
    from {{ ref('int_alternative_sums') }}
),

serving_verdicts as (
    select * from {{ ref('int_serving_verdicts') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

trained_model as (
    select * from {{ ref('int_trained_model') }}
),

rules as (
    select * from {{ playbook_table('segment_rules') }}
),

feature_catalogue as (
    select * from {{ ref('int_feature_catalogue') }}
),

-- No row if another model than the one trained last serves: the alternatives are those of the training.
served as (
    select max(serving_model.k) as k
    from serving_model
    where serving_model.model_id in (select trained_model.model_id from trained_model)
),

averaged as (
    select
        alternative,
        k,
        cluster,
        customers,
        {{ divide('total_spending', 'customers') }} as avg_total_spending,
        {%- for feature in features %}
        {{ divide(feature ~ '_sum', 'customers') }} as {{ feature }},
        {%- endfor %}
        {{ divide('customers', 'sum(customers) over (partition by k)') }}
            as customer_share,
        {{ divide('total_spending', 'sum(total_spending) over (partition by k)') }}
            as spending_share,
        {{ divide('below_average', 'customers') }} as below_average_share,
        {{ divide('one_time_buyers', 'customers') }} as one_time_share,
        {{ divide('quiet_customers', 'customers') }} as quiet_share
    from alternative_sums
),

scaled_averaged as (
    select
        alternative,
        {%- for feature in clustered %}
        {{ divide(feature ~ '_scaled_sum', 'customers') }} as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from alternative_sums
),

-- All clustered customers are the same with every k.
overall_averaged as (
    select
        k,
        {%- for feature in features %}
        {{ divide(exact_sum(feature ~ '_sum'), 'sum(customers)') }} as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from alternative_sums
    group by k
),

scaled_overall_averaged as (
    select
        k,
        {%- for feature in clustered %}
        {{ divide(exact_sum(feature ~ '_scaled_sum'), 'sum(customers)') }}
            as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from alternative_sums
    group by k
),

measured as (
    select
        averaged.*,
        rank() over (
            partition by averaged.k order by averaged.avg_total_spending desc
        ) as spending_rank,
        rank() over (
            partition by averaged.k order by averaged.transaction_count desc
        ) as purchases_rank,
        averaged.k as segments,
        serving_verdicts.validity,
        case when serving_verdicts.validity = 'natural groups' then 1 else 0 end
            as natural_groups,
        {{ 1 if has_signups() else 0 }} as has_signups,
        cast(
            row_number() over (
                partition by averaged.k
                order by averaged.avg_total_spending, averaged.cluster
            ) - 1 as integer
        ) as cluster_id
    from averaged
    left join serving_verdicts
        on averaged.k = serving_verdicts.k
),

segments as (
    select
        alternative as cluster,
        cluster_id
    from measured
),

averages as (
    {{- unpivot('averaged', features, 'feature', 'average', ['alternative', 'k']) }}
),

overall as (
    {{- unpivot('overall_averaged', features, 'feature', 'average', ['k']) }}
),

scaled_averages as (
    {{- unpivot('scaled_averaged', clustered, 'feature', 'average', ['alternative']) }}
),

scaled_overall as (
    {{- unpivot('scaled_overall_averaged', clustered, 'feature', 'average', ['k']) }}
),

segment_features as (
    select
        averages.alternative as cluster,
        feature_catalogue.feature_order,
        feature_catalogue.feature,
        {{ divide('averages.average', 'overall.average') }} as ratio_to_average,
        {{ round_significant('scaled_averages.average - scaled_overall.average', 9) }}
            as standardised_difference
    from averages
    inner join overall
        on
            averages.k = overall.k
            and averages.feature = overall.feature
    inner join feature_catalogue
        on averages.feature = feature_catalogue.feature
    left join scaled_averages
        on
            averages.alternative = scaled_averages.alternative
            and averages.feature = scaled_averages.feature
    left join scaled_overall
        on
            averages.k = scaled_overall.k
            and averages.feature = scaled_overall.feature
),

segment_measures as (
    {{- unpivot(
        'measured', segment_measures().keys(), 'measure', 'value',
        ['alternative as cluster']
    ) }}
    union all
    select
        cluster,
        feature as measure,
        ratio_to_average as value
    from segment_features
),

{{ archetypes_found() }},

-- Names are told apart among the segments of one k, which begins them here.
segment_archetypes as (
    select
        archetypes.cluster,
        archetypes.cluster_id,
        concat(cast(measured.k as string), ': ', archetypes.archetype) as archetype
    from archetypes
    inner join measured
        on archetypes.cluster = measured.alternative
),

{{ names_told_apart() }}

select
    ---- ids
    measured.k,
    measured.cluster,
    measured.cluster_id,

    ---- strings
    {{ regexp_replace('named.segment_name', '^[0-9]+: ', '') }} as segment_name,
    archetypes.archetype,
    coalesce(measured.validity, 'not measured') as validity,

    ---- booleans
    coalesce(measured.k = served.k, false) as is_selected,

    ---- numerics
    measured.customers,
    measured.customer_share,
    measured.spending_share,
    measured.avg_total_spending,
    measured.total_quantity as avg_quantity,
    measured.transaction_count as avg_transactions,
    measured.days_since_signup as avg_days_since_signup,
    measured.one_time_share,
    measured.quiet_share
from measured
cross join served
inner join archetypes
    on measured.alternative = archetypes.cluster
inner join named
    on measured.alternative = named.cluster
