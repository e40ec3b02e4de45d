{{ config(enabled=setting('suppressions_location') is not none) }}

with checked as (
    select * from {{ ref('int_suppressions_checked') }}
),

input_rows as (
    select * from {{ ref('base_shop__suppressions') }}
)

select
    checked.input_row,
    split_part(checked.failed_rules, ', ', 1) as first_failed_rule,
    checked.failed_rules,
    {{ to_json('input_rows.raw_row') }} as raw_row
from checked
inner join input_rows
    on checked.input_row = input_rows.input_row
where checked.failed_rules is not null
