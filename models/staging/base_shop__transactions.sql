{#- A table on Spark, because Spark numbers the rows differently at each read. -#}
{{ config(materialized='view' if target.type == 'duckdb' else 'table') }}

{% do declare_input('transactions') %}
select
    {{ input_row_number(setting('transactions_location')) }} as input_row,
    {%- for column in input_columns('transactions') + transaction_attribute_names() %}
    {{ input_column('transactions', column) }} as {{ column }},
    {%- endfor %}
    {{ is_excluded_line() }} as is_excluded,
    {{ row_hash('row_as_it_came') }} as row_hash,
    {{ row_as_struct('row_as_it_came') }} as raw_row
from {{ input_relation('transactions') }} as row_as_it_came  -- noqa: AL05
