{% set features = setting('features') %}
{% set steps = quantile_steps() %}
{#- A feature is mentioned if its contribution is at least this share of all; the strongest one always is. -#}
{% set mentioned_from = 0.1 %}

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

scaling as (
    select * from {{ ref('int_serving_scaling') }}
),

feature_catalogue as (
    select * from {{ ref('int_feature_catalogue') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

feature_quantiles as (
    select * from {{ ref('int_feature_quantiles') }}
),

-- The contribution of a feature is the squared distance to the runner-up's centroid minus that to the customer's own
-- centroid, in this feature. The contributions of all features add up to the difference of the two squared distances.
contributions_measured as (
    select
        customer_clusters.customer_id,
        customer_clusters.cluster,
        customer_clusters.runner_up_cluster,
        {%- for feature in features %}
        cast(customer_features.{{ feature }} as double) as {{ feature }}_value,
        (scaled.{{ feature }} - runner_up.{{ feature }})
        * (scaled.{{ feature }} - runner_up.{{ feature }})
        - (scaled.{{ feature }} - own.{{ feature }})
        * (scaled.{{ feature }} - own.{{ feature }}) as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from customer_clusters
    inner join scaled
        on customer_clusters.customer_id = scaled.customer_id
    inner join customer_features
        on customer_clusters.customer_id = customer_features.customer_id
    inner join serving_model as own
        on customer_clusters.cluster = own.cluster
    inner join serving_model as runner_up
        on customer_clusters.runner_up_cluster = runner_up.cluster
),

-- The contributions as shares of the sum of the absolute contributions.
contributions_shared as (
    select
        customer_id,
        cluster,
        runner_up_cluster,
        {%- for feature in features %}
        {{ feature }}_value,
        coalesce(
            {{ feature }} / nullif(
                {%- for other in features %}
                {{ '+ ' if not loop.first }}abs({{ other }})
                {%- endfor %},
                0
            ),
            0
        ) as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from contributions_measured
),

strongest_found as (
    select
        *,
        {{ greatest_or_least('greatest', features) }} as strongest_contribution,
        case {{ greatest_or_least('greatest', features) }}
            {%- for feature in features %}
            when {{ feature }} then '{{ feature }}'
            {%- endfor %}
        end as strongest_feature,
        {{ greatest_or_least('least', features) }} as weakest_contribution,
        case {{ greatest_or_least('least', features) }}
            {%- for feature in features %}
            when {{ feature }} then '{{ feature }}'
            {%- endfor %}
        end as weakest_feature
    from contributions_shared
),

others_left as (
    select
        *,
        {%- for feature in features %}
        case when strongest_feature != '{{ feature }}' then {{ feature }} end
            as other_{{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from strongest_found
),

second_found as (
    select
        *,
        {{ greatest_or_least('greatest', features, 'other_') }} as second_contribution,
        case {{ greatest_or_least('greatest', features, 'other_') }}
            {%- for feature in features %}
            when other_{{ feature }} then '{{ feature }}'
            {%- endfor %}
        end as second_feature
    from others_left
),

-- The features that the reason mentions, at most three per customer, with the customer's values.
{% set least = {
    'strongest': '> 0', 'second': '>= ' ~ mentioned_from, 'weakest': '<= -' ~ mentioned_from
} -%}
mentions_found as (
    select
        *,
        {%- for mention, bound in least.items() %}
        case when {{ mention }}_contribution {{ bound }} then {{ mention }}_feature end
            as {{ mention }}_mentioned,
        case {{ mention }}_feature
            {%- for feature in features %}
            when '{{ feature }}' then {{ feature }}_value
            {%- endfor %}
        end as {{ mention }}_value
        {{- ',' if not loop.last }}
        {%- endfor %}
    from second_found
),

-- For each pair of segments and feature, what a customer of the one is compared with.
centroids as (
    {{- unpivot('serving_model', features, 'feature', 'centroid', ['cluster']) }}
),

edges as (
    select
        feature,
        {{ array_agg_ascending('quantile') }} as edges
    from feature_quantiles
    group by feature
),

comparisons as (
    select
        own.cluster,
        other.cluster as other_cluster,
        own.feature,
        own.centroid > other.centroid as is_higher,
        edges.edges,
        {{ unscaled('other.centroid', 'scaling') | indent(8) }} as typical,
        segments_named.segment_name as other_name,
        feature_catalogue.more_than,
        feature_catalogue.less_than,
        feature_catalogue.phrase_one,
        feature_catalogue.phrase_many
    from centroids as own
    inner join centroids as other
        on
            own.feature = other.feature
            and own.cluster != other.cluster
    inner join edges
        on own.feature = edges.feature
    inner join scaling
        on own.feature = scaling.feature
    inner join segments_named
        on other.cluster = segments_named.cluster
    inner join feature_catalogue
        on own.feature = feature_catalogue.feature
),

-- The weakest feature is that on which the customer is more like the runner-up, so it is compared with the customers of
-- the own segment.
phrases as (
    select
        mentions_found.*,
        {%- for mention in least %}
        case
            when {{ mention }}.feature is not null
                then {{ comparison_phrase(
                    steps, 'mentions_found.' ~ mention ~ '_value', mention
                ) | indent(16) }}
        end as {{ mention }}_phrase
        {{- ',' if not loop.last }}
        {%- endfor %}
    from mentions_found
    {%- for mention in least %}
    {%- set own, other = ('cluster', 'runner_up_cluster') if mention != 'weakest'
        else ('runner_up_cluster', 'cluster') %}
    left join comparisons as {{ mention }}
        on
            mentions_found.{{ mention }}_mentioned = {{ mention }}.feature
            and mentions_found.{{ own }} = {{ mention }}.cluster
            and mentions_found.{{ other }} = {{ mention }}.other_cluster
    {%- endfor %}
)

-- A feature that favours neither segment is not named.
select
    customer_id,
    case when strongest_contribution > 0 then strongest_feature end
        as strongest_feature,
    case when strongest_contribution > 0 then strongest_contribution end
        as strongest_contribution,
    case when second_contribution > 0 then second_feature end
        as second_feature,
    case when second_contribution > 0 then second_contribution end
        as second_contribution,
    case when weakest_contribution < 0 then weakest_feature end
        as opposing_feature,
    case when weakest_contribution < 0 then weakest_contribution end
        as opposing_contribution,
    nullif(
        concat_ws(
            '; ',
            strongest_phrase,
            second_phrase,
            case
                when weakest_phrase is not null then concat('but ', weakest_phrase)
            end
        ),
        ''
    ) as reason
from phrases
