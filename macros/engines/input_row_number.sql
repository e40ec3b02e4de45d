{% macro input_row_number(location) -%}
    {#- The number of a row in its input, from 1. On Spark, rows have no order; the numbers are only unique. -#}
    {{ adapter.dispatch('input_row_number')(location) }}
{%- endmacro %}


{% macro default__input_row_number(location) -%}
    {#- A window function limits DuckDB to one thread for everything that reads the rows. A single Parquet file has row
        numbers. -#}
    {%- if location and is_parquet(location) and not is_pattern(location) -%}
    row_as_it_came.file_row_number + 1
    {%- else -%}
    row_number() over ()
    {%- endif -%}
{%- endmacro %}


{% macro spark__input_row_number(location) -%}
    monotonically_increasing_id() + 1
{%- endmacro %}
