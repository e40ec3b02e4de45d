{% set features = setting('features') %}

with scaled as (
    select * from {{ ref('int_training_features_scaled') }}
),

-- The scaled features have mean zero, so the covariance is the mean of the products.
covariances_united as (
    {%- for row_feature in features %}
    {%- set row_order, is_last_row = loop.index, loop.last %}
    {%- for column_feature in features %}
    select
        {{ row_order }} as row_order,
        '{{ row_feature }}' as row_feature,
        {{ loop.index }} as column_order,
        '{{ column_feature }}' as column_feature,
        count(*) as customers,
        {{ divide(
            exact_sum(row_feature ~ ' * ' ~ column_feature), 'count(*)'
        ) }} as covariance
    from scaled
    {{- '\n    union all' if not (is_last_row and loop.last) }}
    {%- endfor %}
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
