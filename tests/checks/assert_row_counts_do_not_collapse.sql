-- A warning means that an input has far fewer rows than in the previous build, as after an incomplete export.
{{ config(severity='warn') }}

with input_volumes as (
    select * from {{ ref('int_input_volumes') }}
)

select
    input,
    row_count,
    previous_row_count
from input_volumes
where row_count < previous_row_count * (1 - {{ setting('row_count_drop_warn') }})
