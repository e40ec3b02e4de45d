{% set features = setting('features') %}

with scaled as (
    select * from {{ ref('int_training_features_scaled') }}
),

-- The scaled features have mean zero, so the covariance is the mean product.
products_averaged as (
    select
        {%- for row_feature in features %}
        {%- set row_position = loop.index0 %}
        {%- for column_feature in features[row_position:] %}
        {{ divide(exact_sum(row_feature ~ ' * ' ~ column_feature), 'count(*)') }}
            as {{ row_feature }}__{{ column_feature }},
        {%- endfor %}
        {%- endfor %}
        count(*) as customers
    from scaled
),

covariances_united as (
    {%- for row_feature in features %}
    {%- set row_position = loop.index0 %}
    {%- for column_feature in features %}
    {%- set column_position = loop.index0 %}
    {%- set pair = (
        [row_feature, column_feature] if row_position <= column_position
        else [column_feature, row_feature]
    ) %}
    select
        {{ row_position + 1 }} as row_order,
        '{{ row_feature }}' as row_feature,
        {{ column_position + 1 }} as column_order,
        '{{ column_feature }}' as column_feature,
        {{ pair | join('__') }} as covariance,
        customers
    from products_averaged
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
)

select
    cast(row_order as integer) as row_order,
    row_feature,
    cast(column_order as integer) as column_order,
    column_feature,
    {{ round_significant('covariance') }} as covariance
from covariances_united
where customers > 0
