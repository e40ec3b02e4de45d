{# Columns turned into rows, and literals. #}

{% macro literal_list(values) -%}
    {#- Texts as literals, separated by commas: what follows `in`. -#}
    {%- set literals = [] -%}
    {%- for value in values -%}{%- do literals.append(quote_literal(value)) -%}{%- endfor -%}
    {{ literals | join(', ') }}
{%- endmacro %}


{% macro literal_files(files) -%}
    {#- Names of files as literals, separated by commas, that DuckDB does not take for patterns: r[1].csv is not
        r1.csv. -#}
    {%- set names = [] -%}
    {%- for file in files -%}{%- do names.append(modules.re.sub('([*?[])', '[\\1]', file)) -%}{%- endfor -%}
    {{ literal_list(names) }}
{%- endmacro %}


{% macro unpivot(relation, columns, name, value, keys=[]) -%}
    {#- One row for each row and column of a relation, with the column's name and its value as double. UNPIVOT takes
        three times as long on DuckDB and differs between engines. -#}
    {%- set rows = [] -%}
    {%- for column in columns -%}
        {%- do rows.append({name: quote_literal(column), value: 'cast(' ~ column ~ ' as double)'}) -%}
    {%- endfor -%}
    {{ expand_rows(relation, keys, rows) }}
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
