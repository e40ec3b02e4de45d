{% set features = setting('features') %}

with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

scaled as (
    select * from {{ ref('int_customer_features_scaled') }}
),

customer_clusters as (
    select * from {{ ref('int_customer_clusters') }}
),

segments_named as (
    select * from {{ ref('int_segments_named') }}
),

-- Doubles are summed exactly, so that an average does not depend on the order of the rows.
averaged as (
    select
        customer_clusters.cluster,
        {%- for feature in features %}
        {{ divide(exact_sum('customer_features.' ~ feature), 'count(*)') }}
            as {{ feature }},
        {{ divide(exact_sum('scaled.' ~ feature), 'count(*)') }} as {{ feature }}_scaled
        {{- ',' if not loop.last }}
        {%- endfor %}
    from customer_clusters
    inner join customer_features
        on customer_clusters.customer_id = customer_features.customer_id
    inner join scaled
        on customer_clusters.customer_id = scaled.customer_id
    group by customer_clusters.cluster
),

averaged_overall as (
    select
        {%- for feature in features %}
        {{ divide(exact_sum('customer_features.' ~ feature), 'count(*)') }}
            as {{ feature }},
        {{ divide(exact_sum('scaled.' ~ feature), 'count(*)') }} as {{ feature }}_scaled
        {{- ',' if not loop.last }}
        {%- endfor %}
    from customer_features
    inner join scaled
        on customer_features.customer_id = scaled.customer_id
),

features_united as (
    {%- for feature in features %}
    select
        averaged.cluster,
        {{ loop.index }} as feature_order,
        '{{ feature }}' as feature,
        averaged.{{ feature }} as average,
        {{ divide('averaged.' ~ feature, 'averaged_overall.' ~ feature) }}
            as ratio_to_average,
        {{ round_significant(
            'averaged.' ~ feature ~ '_scaled - averaged_overall.' ~ feature ~ '_scaled',
            9
        ) }} as standardised_difference,
        {{ feature_phrase(
            feature, 'averaged.' ~ feature, 'averaged_overall.' ~ feature
        ) | indent(8) }} as phrase
    from averaged
    cross join averaged_overall
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
)

select
    ---- ids
    segments_named.cluster_id,

    ---- strings
    segments_named.segment_name,
    features_united.feature,
    features_united.phrase,

    ---- numerics
    features_united.average,
    features_united.ratio_to_average,
    features_united.standardised_difference,
    cast(
        row_number() over (
            partition by features_united.cluster
            order by
                abs(features_united.standardised_difference) desc,
                features_united.feature_order asc
        ) as integer
    ) as distinctiveness_rank
from features_united
inner join segments_named
    on features_united.cluster = segments_named.cluster
order by segments_named.cluster_id, features_united.feature_order
