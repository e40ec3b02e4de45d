{% set features = setting('features') %}

with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

scaling as (
    select * from {{ ref('int_feature_scaling') }}
),

-- One row, so that every customer meets every center and scale without a join by feature.
scaling_pivoted as (
    select
        {%- for feature in features %}
        max(case when feature = '{{ feature }}' then lower_bound end)
            as {{ feature }}_lower,
        max(case when feature = '{{ feature }}' then upper_bound end)
            as {{ feature }}_upper,
        max(case when feature = '{{ feature }}' then center end)
            as {{ feature }}_center,
        max(case when feature = '{{ feature }}' then scale end)
            as {{ feature }}_scale
        {{- ',' if not loop.last }}
        {%- endfor %}
    from scaling
)

select
    customer_features.customer_id,
    {%- for feature in features %}
    ({{ transformed(
        capped(
            'customer_features.' ~ feature,
            'scaling_pivoted.' ~ feature ~ '_lower',
            'scaling_pivoted.' ~ feature ~ '_upper'
        ),
        feature_transform(feature)
    ) }}
        - scaling_pivoted.{{ feature }}_center)
    / scaling_pivoted.{{ feature }}_scale as {{ feature }}
    {{- ',' if not loop.last }}
    {%- endfor %}
from customer_features
cross join scaling_pivoted
where customer_features.is_clustered
