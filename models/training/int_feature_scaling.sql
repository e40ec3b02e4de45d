{% set features = setting('features') %}
{% set winsorize = setting('winsorize') %}

with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

feature_catalogue as (
    select * from {{ ref('int_feature_catalogue') }}
),

clustered as (
    select
        {%- for feature in features %}
        cast({{ feature }} as double) as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from customer_features
    where is_clustered
),

{% if winsorize is not none -%}
quantiles_found as (
    {{- quantiles(
        'clustered', features, [1 - winsorize, winsorize], interpolated=true
    ) }}
),
{%- endif %}

bounds as (
    {% if winsorize is none -%}
    select
        feature,
        cast(null as double) as lower_bound,
        cast(null as double) as upper_bound
    from feature_catalogue
    {%- else -%}
    select
        feature,
        min(quantile) as lower_bound,
        max(quantile) as upper_bound
    from quantiles_found
    group by feature
    {%- endif %}
),

-- Each feature before and after its transform.
transformed as (
    {%- for feature in features %}
    {%- set value = 'clustered.' ~ feature if winsorize is none
        else winsorized('clustered.' ~ feature, 'bounds.lower_bound', 'bounds.upper_bound') %}
    select
        '{{ feature }}' as feature,
        clustered.{{ feature }} as raw_value,
        {{ transform_feature(value, feature_transform(feature)) | indent(8) }} as value
    from clustered
    {%- if winsorize is not none %}
    inner join bounds
        on bounds.feature = '{{ feature }}'
    {%- endif %}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

centered as (
    select
        feature,
        {{ divide(exact_sum('raw_value'), 'count(*)') }} as raw_center,
        {{ divide(exact_sum('value'), 'count(*)') }} as center
    from transformed
    group by feature
),

deviations_measured as (
    select
        transformed.feature,
        transformed.raw_value - centered.raw_center as raw_deviation,
        transformed.value - centered.center as deviation
    from transformed
    inner join centered
        on transformed.feature = centered.feature
),

-- The population standard deviation, from the squared deviations from the mean.
spread as (
    select
        feature,
        sqrt({{ divide(exact_sum('raw_deviation * raw_deviation'), 'count(*)') }})
            as raw_deviation,
        sqrt({{ divide(exact_sum('deviation * deviation'), 'count(*)') }}) as deviation
    from deviations_measured
    group by feature
),

-- The skewness is the mean of the cubed z-scores.
skewed as (
    select
        deviations_measured.feature,
        {{ divide(
            exact_sum(
                'pow(deviations_measured.raw_deviation'
                ~ ' / nullif(spread.raw_deviation, 0), 3)'
            ),
            'count(*)'
        ) }} as skew_before,
        {{ divide(
            exact_sum(
                'pow(deviations_measured.deviation'
                ~ ' / nullif(spread.deviation, 0), 3)'
            ),
            'count(*)'
        ) }} as skew_after
    from deviations_measured
    inner join spread
        on deviations_measured.feature = spread.feature
    group by deviations_measured.feature
)

select
    feature_catalogue.feature_order,
    feature_catalogue.feature,
    feature_catalogue.transform,
    bounds.lower_bound,
    bounds.upper_bound,
    {{ round_significant('centered.center') }} as center,
    -- A constant feature has no spread; with a scale of 1, its scaled value is zero.
    case
        when spread.deviation > 1e-9 * greatest(abs(centered.center), 1)
            then {{ round_significant('spread.deviation') }}
        else cast(1 as double)
    end as scale,
    coalesce(spread.deviation <= 1e-9 * greatest(abs(centered.center), 1), false)
        as is_constant,
    {{ round_significant('skewed.skew_before') }} as skew_before,
    {{ round_significant('skewed.skew_after') }} as skew_after
from feature_catalogue
inner join bounds
    on feature_catalogue.feature = bounds.feature
inner join centered
    on feature_catalogue.feature = centered.feature
inner join spread
    on feature_catalogue.feature = spread.feature
inner join skewed
    on feature_catalogue.feature = skewed.feature
