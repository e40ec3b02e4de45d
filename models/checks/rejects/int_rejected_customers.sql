with checked as (
    select * from {{ ref('int_customers_checked') }}
),

input_rows as (
    select * from {{ ref('base_shop__customers') }}
)

{{ rejected_rows() }}
