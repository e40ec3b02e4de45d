with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

scaling as (
    select * from {{ ref('int_feature_scaling') }}
),

{{ scale_customer_features(setting('features')) }}

select * from scaled
