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

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

averaged as (
    select
        {%- for feature in features %}
        {{ divide(exact_sum(feature), 'count(*)') }} as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from customer_features
    where is_clustered
),

-- The contribution of a feature is the squared distance to the runner-up's centroid minus that to the customer's own
-- centroid, in this feature. The contributions of all features add up to the difference of the two squared distances.
contributions_measured as (
    select
        customer_clusters.customer_id,
        {%- for feature in features %}
        (scaled.{{ feature }} - runner_up.{{ feature }})
        * (scaled.{{ feature }} - runner_up.{{ feature }})
        - (scaled.{{ feature }} - own.{{ feature }})
        * (scaled.{{ feature }} - own.{{ feature }}) as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from customer_clusters
    inner join scaled
        on customer_clusters.customer_id = scaled.customer_id
    inner join serving_model as own
        on customer_clusters.cluster = own.cluster
    inner join serving_model as runner_up
        on customer_clusters.runner_up_cluster = runner_up.cluster
),

-- The contributions as shares of the sum of the absolute contributions.
contributions_shared as (
    select
        customer_id,
        {%- for feature in features %}
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

phrases as (
    select
        second_found.customer_id,
        second_found.strongest_feature,
        second_found.strongest_contribution,
        second_found.second_feature,
        second_found.second_contribution,
        second_found.weakest_feature,
        second_found.weakest_contribution,
        {%- for feature in features %}
        {{ feature_phrase(
            feature, 'customer_features.' ~ feature, 'averaged.' ~ feature
        ) | indent(8) }} as {{ feature }}_phrase
        {{- ',' if not loop.last }}
        {%- endfor %}
    from second_found
    inner join customer_features
        on second_found.customer_id = customer_features.customer_id
    cross join averaged
)

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
            case
                when strongest_contribution > 0
                    then {{ phrase_of('strongest_feature', features) }}
            end,
            case
                when second_contribution >= 0.1
                    then {{ phrase_of('second_feature', features) }}
            end,
            case
                when weakest_contribution <= -0.1
                    then concat('but ', {{ phrase_of('weakest_feature', features) }})
            end
        ),
        ''
    ) as reason
from phrases
