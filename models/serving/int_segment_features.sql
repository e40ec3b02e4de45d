{% set features = clusterable_features() %}
{% set clustered = setting('features') %}

with customer_clusters as (
    select * from {{ ref('int_customer_clusters') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

scaled as (
    select * from {{ ref('int_customer_features_scaled') }}
),

feature_catalogue as (
    select * from {{ ref('int_feature_catalogue') }}
),

-- One row per cluster, and one with a null cluster for all clustered customers.
averaged as (
    {{ averages_by_cluster('customer_features', features) | indent }}
),

customers_clustered as (
    select
        customer_clusters.cluster,
        {%- for feature in features %}
        customer_features.{{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from customer_clusters
    inner join customer_features
        on customer_clusters.customer_id = customer_features.customer_id
),

medians as (
    {{- quantiles('customers_clustered', features, [0.5], ['cluster']) }}
),

scaled_averaged as (
    {{ averages_by_cluster('scaled', clustered) | indent }}
),

averages_unpivoted as (
    {{- unpivot('averaged', features, 'feature', 'average', ['cluster']) }}
),

scaled_unpivoted as (
    {{- unpivot(
        'scaled_averaged', clustered, 'feature', 'scaled_average', ['cluster']
    ) }}
),

-- The average of all customers beside that of each cluster.
averages as (
    select
        cluster,
        feature,
        average,
        max(case when cluster is null then average end) over (
            partition by feature
        ) as overall_average
    from averages_unpivoted
),

scaled_averages as (
    select
        cluster,
        feature,
        scaled_average,
        max(case when cluster is null then scaled_average end) over (
            partition by feature
        ) as overall_scaled_average
    from scaled_unpivoted
)

select
    averages.cluster,
    feature_catalogue.feature_order,
    feature_catalogue.feature,
    averages.average,
    medians.quantile as median,
    averages.overall_average,
    {{ ratio('averages.average', 'averages.overall_average') }} as ratio_to_average,
    {{ round_significant(
        'scaled_averages.scaled_average - scaled_averages.overall_scaled_average', 9
    ) }} as standardised_difference,
    case
        when feature_catalogue.phrase_compares = 'ratio'
            then {{ ratio_phrase(
                'averages.average', 'averages.overall_average',
                'feature_catalogue.phrase_before'
            ) | indent(12) }}
        else {{ values_phrase(
            'averages.average', 'averages.overall_average',
            'feature_catalogue.phrase_before', 'feature_catalogue.phrase_one',
            'feature_catalogue.phrase_many'
        ) | indent(8) }}
    end as phrase
from averages
inner join feature_catalogue
    on averages.feature = feature_catalogue.feature
left join medians
    on
        averages.feature = medians.feature
        and averages.cluster = medians.cluster
left join scaled_averages
    on
        averages.feature = scaled_averages.feature
        and averages.cluster = scaled_averages.cluster
where averages.cluster is not null
