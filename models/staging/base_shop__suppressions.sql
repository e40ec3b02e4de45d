{{ config(
    enabled=setting('suppressions_location') is not none,
    materialized='view' if has_stable_row_numbers('suppressions') else 'table'
) }}

{% do declare_input('suppressions') %}
select
    {{ input_row_number(setting('suppressions_location')) }} as input_row,
    {%- for column in input_columns('suppressions') %}
    {{ input_column('suppressions', column) }} as {{ column }},
    {%- endfor %}
    {{ row_as_struct('row_as_it_came') }} as raw_row
from {{ input_relation('suppressions') }} as row_as_it_came  -- noqa: AL05
