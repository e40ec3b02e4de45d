{# Tables made of other shapes: columns turned into rows, and rows written out. #}

{% macro unpivot(relation, columns, name, value, keys=[]) -%}
    {#- One row per row of a relation and column, with the column's name and its value as double. A union reads columns
        as fast as a wide query does; UNPIVOT takes three times as long on DuckDB and differs between engines. -#}
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
    {#- A query of rows that are written out, each as {column: value}: texts, whole numbers, or none. -#}
    {%- for row in rows %}
    select
        {%- for column, value in row.items() %}
        {{ quote_literal(value) if value is string else 'null' if value is none else value }} as {{ column }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
