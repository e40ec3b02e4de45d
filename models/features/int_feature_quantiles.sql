{#- The edges of reasons, and every second one is a decile. -#}
{% set steps = quantile_steps() %}
{% set features = setting('features') %}
{% set shares = [] %}
{%- for step in range(1, steps) %}{% do shares.append(step / steps) %}{% endfor %}

with customer_features as (
    select * from {{ ref('int_customer_features') }}
    where is_clustered
),

quantiles_found as (
    {{- quantiles('customer_features', features, shares) }}
)

select
    feature,
    cast(round(share * {{ steps }}) as integer) as quantile_step,
    quantile
from quantiles_found
