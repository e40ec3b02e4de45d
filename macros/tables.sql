{# Columns turned into rows, and literal rows. #}

{% macro unpivot(relation, columns, name, value, keys=[]) -%}
    {#- One row for each row and column of a relation, with the column's name and its value as double. A union is as
        fast as a wide query; UNPIVOT takes three times as long on DuckDB and differs between engines. -#}
    {%- for column in columns %}
    select
        {%- for key in keys %}
        {{ key }},
        {%- endfor %}
        '{{ column }}' as {{ name }},
        cast({{ column }} as double) as {{ value }}
    from {{ relation }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{% macro literal_rows(rows) -%}
    {#- A query that returns literal rows, each given as {column: value}; a value is text, a whole number or none. -#}
    {%- for row in rows %}
    select
        {%- for column, value in row.items() %}
        {{ quote_literal(value) if value is string else 'null' if value is none else value }} as {{ column }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
