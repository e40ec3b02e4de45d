{{ config(enabled=setting('suppressions_location') is not none) }}

with checked as (
    select * from {{ ref('int_suppressions_checked') }}
),

input_rows as (
    select * from {{ ref('base_shop__suppressions') }}
)

{{ rejected_rows() }}
