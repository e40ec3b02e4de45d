{% macro numbered_as_stored(relation) -%}
    {#- The rows of a stored table, with input_row. DuckDB stores the rows of an input in their order, so a row has the
        number of its place in the table. To number the rows while they are read would limit DuckDB to one thread. -#}
    {{ adapter.dispatch('numbered_as_stored')(relation) }}
{%- endmacro %}


{% macro default__numbered_as_stored(relation) -%}
    {#- With --empty and in a unit test, dbt replaces the table by a query, which has no places. -#}
    select
        {{ '*' if flags.EMPTY or model.resource_type == 'unit_test' else '* replace (rowid + 1 as input_row)' }}
    from {{ relation }}
{%- endmacro %}


{% macro spark__numbered_as_stored(relation) -%}
    select * from {{ relation }}
{%- endmacro %}


{% macro row_number_before_storing() -%}
    {#- The input_row of a row that has not been stored: none on DuckDB. -#}
    {{ adapter.dispatch('row_number_before_storing')() }}
{%- endmacro %}


{% macro default__row_number_before_storing() -%}
    cast(null as bigint)
{%- endmacro %}


{% macro spark__row_number_before_storing() -%}
    {{ input_row_number(none) }}
{%- endmacro %}
