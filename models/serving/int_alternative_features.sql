{%- set features, clustered = clusterable_features(), setting('features') %}
with alternative_sums as (
    select * from {{ ref('int_alternative_sums') }}
),

feature_catalogue as (
    select * from {{ ref('int_feature_catalogue') }}
),

averaged as (
    select
        alternative,
        k,
        {%- for feature in features %}
        {{ divide(feature ~ '_sum', 'customers') }} as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
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
)

select
    averages.alternative as cluster,
    feature_catalogue.feature_order,
    feature_catalogue.feature,
    {{ ratio('averages.average', 'overall.average') }} as ratio_to_average,
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
