-- A warning means that return_flag has values but none of them marks a return, so returns would count as purchases.
-- Remedy: set return_flag_values to the values that mark a return in this input.
{{ config(severity='warn') }}

with transactions as (
    select * from {{ ref('stg_shop__transactions') }}
)

select
    count(*) as flagged_lines,
    min(return_flag) as example_of_a_flag,
    concat(
        'return_flag has values (', min(return_flag), '), but none of them marks a',
        ' return, so returns count as purchases. Set return_flag_values to those that',
        ' do.'
    ) as message
from transactions
where return_flag is not null
having
    count(*) > 0
    and count(case when {{ is_return_value('return_flag') }} then 1 end) = 0
