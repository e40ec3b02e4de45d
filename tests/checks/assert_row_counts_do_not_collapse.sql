-- A warning means that an input has far fewer rows than in the last completed build, as after an incomplete export.
{{ config(severity='warn') }}

with input_volumes as (
    select * from {{ ref('int_input_volumes') }}
)

select
    input,
    row_count,
    previous_row_count,
    concat(
        'the ', input, ' have ', cast(row_count as string), ' rows; in the last build',
        ' that completed there were ', cast(previous_row_count as string), '.',
        ' Check that the export is complete, or raise the setting row_count_drop_warn.'
    ) as message
from input_volumes
where row_count < previous_row_count * (1 - {{ setting('row_count_drop_warn') }})
