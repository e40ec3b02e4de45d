{% set features = setting('features') %}
{% set winsorize = setting('winsorize') %}

with customer_features as (
    select * from {{ ref('int_customer_features') }}
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

bounds as (
    select
        {%- for feature in features %}
        {%- if winsorize is none %}
        max(cast(null as double)) as {{ feature }}_lower,
        max(cast(null as double)) as {{ feature }}_upper
        {%- else %}
        percentile_cont({{ 1 - winsorize }}) within group (order by {{ feature }})
            as {{ feature }}_lower,
        percentile_cont({{ winsorize }}) within group (order by {{ feature }})
            as {{ feature }}_upper
        {%- endif %}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from clustered
),

transformed as (
    select
        {%- for feature in features %}
        clustered.{{ feature }} as {{ feature }}_raw,
        {{ transform_feature(
            winsorized(
                'clustered.' ~ feature,
                'bounds.' ~ feature ~ '_lower',
                'bounds.' ~ feature ~ '_upper'
            ),
            feature_transform(feature)
        ) }} as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from clustered
    cross join bounds
),

centered as (
    select
        count(*) as customers,
        {%- for feature in features %}
        {{ divide(exact_sum(feature ~ '_raw'), 'count(*)') }}
            as {{ feature }}_raw_center,
        {{ divide(exact_sum(feature), 'count(*)') }} as {{ feature }}_center
        {{- ',' if not loop.last }}
        {%- endfor %}
    from transformed
),

-- The population standard deviation, from the squares of what is left after centering.
spread as (
    select
        {%- for feature in features %}
        {%- for kind in ['_raw', ''] %}
        {%- set deviation = (
            '(transformed.' ~ feature ~ kind ~ ' - centered.' ~ feature ~ kind ~ '_center)'
        ) %}
        sqrt({{ divide(exact_sum(deviation ~ ' * ' ~ deviation), 'count(*)') }})
            as {{ feature }}{{ kind }}_deviation
        {{- ',' if not loop.last }}
        {%- endfor %}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from transformed
    cross join centered
),

-- The skewness is the mean cube of the z-score.
skewed as (
    select
        {%- for feature in features %}
        {%- for kind in ['_raw', ''] %}
        {%- set z_score = (
            '(transformed.' ~ feature ~ kind ~ ' - centered.' ~ feature ~ kind ~ '_center)'
            ~ ' / nullif(spread.' ~ feature ~ kind ~ '_deviation, 0)'
        ) %}
        {{ divide(exact_sum('pow(' ~ z_score ~ ', 3)'), 'count(*)') }}
            as {{ feature }}{{ kind }}_skew
        {{- ',' if not loop.last }}
        {%- endfor %}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from transformed
    cross join centered
    cross join spread
),

{% for feature in features -%}
{{ feature }}_scaling as (
    select
        {{ loop.index }} as feature_order,
        '{{ feature }}' as feature,
        '{{ feature_transform(feature) }}' as transform,
        centered.customers,
        bounds.{{ feature }}_lower as lower_bound,
        bounds.{{ feature }}_upper as upper_bound,
        centered.{{ feature }}_center as center,
        spread.{{ feature }}_deviation as deviation,
        skewed.{{ feature }}_raw_skew as skew_before,
        skewed.{{ feature }}_skew as skew_after
    from centered
    cross join bounds
    cross join spread
    cross join skewed
),

{% endfor -%}
scalings_united as (
    {%- for feature in features %}
    select * from {{ feature }}_scaling
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
)

select
    cast(feature_order as integer) as feature_order,
    feature,
    transform,
    lower_bound,
    upper_bound,
    {{ round_significant('center') }} as center,
    -- A constant feature says nothing and has no spread: scale 1 leaves it at zero.
    case
        when deviation > 1e-9 * greatest(abs(center), 1)
            then {{ round_significant('deviation') }}
        else cast(1 as double)
    end as scale,
    coalesce(deviation <= 1e-9 * greatest(abs(center), 1), false) as is_constant,
    {{ round_significant('skew_before') }} as skew_before,
    {{ round_significant('skew_after') }} as skew_after
from scalings_united
where customers > 0
