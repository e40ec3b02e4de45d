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

{#- One row with a column for each feature, because Spark would read the customers again for each row of a union. -#}
bounds as (
    select
        {%- for feature in features %}
        {%- for bound, aggregate in (('lower', 'min'), ('upper', 'max')) %}
        {% if winsorize is none -%}
        cast(null as double) as {{ feature }}_{{ bound }}
        {%- else -%}
        {{ aggregate }}(case when feature = '{{ feature }}' then quantile end)
            as {{ feature }}_{{ bound }}
        {%- endif %}
        {{- ',' if not loop.last }}
        {%- endfor %}
        {{- ',' if not loop.last }}
        {%- endfor %}
    {%- if winsorize is not none %}
    from quantiles_found
    {%- endif %}
),

-- Each feature before and after its transform.
transformed as (
    select
        {%- for feature in features %}
        {%- set value = 'clustered.' ~ feature if winsorize is none else winsorized(
            'clustered.' ~ feature, 'bounds.' ~ feature ~ '_lower', 'bounds.' ~ feature ~ '_upper'
        ) %}
        clustered.{{ feature }} as raw_{{ feature }},
        {{ transform_feature(value, feature_transform(feature)) | indent(8) }}
            as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from clustered
    cross join bounds
),

{% set columns = [] -%}
{%- for feature in features %}{% do columns.extend(['raw_' ~ feature, feature]) %}{% endfor -%}
centered as (
    select
        {%- for column in columns %}
        {{ divide(exact_sum(column), 'count(*)') }} as {{ column }},
        greatest(1, max(abs({{ column }})) / 1e8) as {{ column }}_unit
        {{- ',' if not loop.last }}
        {%- endfor %}
    from transformed
    having {{ computed_once() }}
),

-- In units that keep the sums of squares in the range of decimals; 1 unless a value is above 100 million.
deviations_measured as (
    select
        {%- for column in columns %}
        (transformed.{{ column }} - centered.{{ column }})
        / centered.{{ column }}_unit as {{ column }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from transformed
    cross join centered
),

-- The population standard deviation, from the squared deviations from the mean.
spread as (
    select
        {%- for column in columns %}
        sqrt({{ divide(exact_sum(column ~ ' * ' ~ column), 'count(*)') }})
            as {{ column }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from deviations_measured
    having {{ computed_once() }}
),

-- The skewness is the mean of the cubed z-scores.
skewed as (
    select
        count(*) as customers,
        {%- for column in columns %}
        {{ divide(
            exact_sum(
                'pow(deviations_measured.' ~ column
                ~ ' / nullif(spread.' ~ column ~ ', 0), 3)'
            ),
            'count(*)'
        ) }} as {{ column }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from deviations_measured
    cross join spread
),

features_listed as (
    select
        {%- set structs = [] %}
        {%- for feature in features %}
        {%- do structs.append(named_struct({
            'feature': quote_literal(feature),
            'lower_bound': 'bounds.' ~ feature ~ '_lower',
            'upper_bound': 'bounds.' ~ feature ~ '_upper',
            'center': 'centered.' ~ feature,
            'deviation': 'spread.' ~ feature ~ ' * centered.' ~ feature ~ '_unit',
            'skew_before': 'skewed.raw_' ~ feature,
            'skew_after': 'skewed.' ~ feature,
        })) %}
        {%- endfor %}
        {{ array_literal(structs) }} as features
    from skewed
    cross join centered
    cross join spread
    cross join bounds
    where skewed.customers > 0
),

features_unnested as (
    select {{ unnest_structs('features') }}  -- noqa: AL03
    from features_listed
)

select
    feature_catalogue.feature_order,
    feature_catalogue.feature,
    feature_catalogue.transform,
    features_unnested.lower_bound,
    features_unnested.upper_bound,
    {{ round_significant('features_unnested.center') }} as center,
    -- A constant feature has no spread; with a scale of 1, its scaled value is zero.
    case
        when
            features_unnested.deviation
            > 1e-9 * greatest(abs(features_unnested.center), 1)
            then {{ round_significant('features_unnested.deviation') }}
        else cast(1 as double)
    end as scale,
    coalesce(
        features_unnested.deviation
        <= 1e-9 * greatest(abs(features_unnested.center), 1),
        false
    ) as is_constant,
    {{ round_significant('features_unnested.skew_before') }} as skew_before,
    {{ round_significant('features_unnested.skew_after') }} as skew_after
from feature_catalogue
inner join features_unnested
    on feature_catalogue.feature = features_unnested.feature
