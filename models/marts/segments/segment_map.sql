{{ config(enabled='segment_map' not in setting('disabled_marts')) }}

{% set features = setting('features') %}

with scaled as (
    select * from {{ ref('int_customer_features_scaled') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

serving_axes as (
    select * from {{ ref('int_serving_axes') }}
),

{{ loadings_pivoted('serving_axes', features) }}

select
    ---- ids
    scaled.customer_id,
    customer_segments.segment_key,

    ---- strings
    customer_segments.model_segment_name as segment_name,

    ---- numerics
    {{ position_on_map(features) }}
from scaled
inner join customer_segments
    on scaled.customer_id = customer_segments.customer_id
cross join loadings_pivoted
{{ order_customers_by(['scaled.customer_id']) }}
