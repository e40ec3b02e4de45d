with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

scaling as (
    select * from {{ ref('int_previous_scaling') }}
),

{{ scale_customer_features(clusterable_features()) }}

select * from scaled
