{% set features = setting('features') %}
{#- In the order of the features, the pair of two features is that of the first with the second. -#}
{% set rows = [] %}
{%- for row_feature in features %}
{%- set row_order = loop.index %}
{%- for column_feature in features %}
{%- do rows.append({
    'row_order': row_order,
    'row_feature': quote_literal(row_feature),
    'column_order': loop.index,
    'column_feature': quote_literal(column_feature),
    'covariance': 'covariance_%d_%d' % ([row_order, loop.index] | min, [row_order, loop.index] | max),
}) %}
{%- endfor %}
{%- endfor %}

with scaled as (
    select * from {{ ref('int_training_features_scaled') }}
),

-- The scaled features have mean zero, so the covariance is the mean of the products.
products_averaged as (
    select
        {%- for row_feature in features %}
        {%- set row_order = loop.index %}
        {%- for column_feature in features[loop.index0:] %}
        {{ divide(
            exact_sum(row_feature ~ ' * ' ~ column_feature), 'count(*)'
        ) }} as covariance_{{ row_order }}_{{ row_order + loop.index0 }},
        {%- endfor %}
        {%- endfor %}
        count(*) as customers
    from scaled
),

covariances as (
    {{- expand_rows('products_averaged', ['customers'], rows) }}
)

select
    cast(row_order as integer) as row_order,
    row_feature,
    cast(column_order as integer) as column_order,
    column_feature,
    {{ round_significant('covariance') }} as covariance
from covariances
where customers > 0
