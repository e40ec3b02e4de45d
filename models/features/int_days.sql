{{ config(materialized='view') }}

with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

bounds as (
    select
        least(
            min(customer_features.customer_since),
            min(customer_features.first_purchase_date)
        ) as first_day,
        greatest(
            max(customer_features.customer_since),
            max(as_of.as_of_date)
        ) as last_day
    from customer_features
    cross join as_of
),

days_numbered as (
    select
        first_day,
        {{ series_from_zero(dbt.datediff('first_day', 'last_day', 'day')) }}
            as day_number
    from bounds
)

select first_day + cast(day_number as integer) as date_day
from days_numbered
