with source as (
    select * from {{ input_relation('transactions') }}
)

select
    row_number() over () as input_row,
    {%- for column in input_columns('transactions') %}
    {{ input_column('transactions', column) }} as {{ column }},
    {%- endfor %}
    {{ is_excluded_line() }} as is_excluded,
    source as raw_row
from source
