{% macro expand_rows(relation, keys, rows) -%}
    {#- A query with several rows for each row of a relation: its keys, and for each of `rows` its columns, given as
        {name: expression}. A union is as fast as a wide query on DuckDB; Spark would compute the relation again for
        each part of it. -#}
    {{ adapter.dispatch('expand_rows')(relation, keys, rows) }}
{%- endmacro %}


{% macro default__expand_rows(relation, keys, rows) -%}
    {%- for row in rows %}
    select
        {%- for key in keys %}
        {{ key }},
        {%- endfor %}
        {%- for name, expression in row.items() %}
        {{ expression }} as {{ name }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{% macro spark__expand_rows(relation, keys, rows) %}
    {%- set structs = [] -%}
    {%- for row in rows -%}{%- do structs.append(named_struct(row)) -%}{%- endfor %}
    select
        {%- for key in keys %}
        {{ key }},
        {%- endfor %}
        {{ unnest_structs(array_literal(structs)) }}
    from {{ relation }}
{%- endmacro %}
