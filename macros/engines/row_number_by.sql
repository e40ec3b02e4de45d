{% macro row_number_by(expression) -%}
    {#- The number of a row, from 1, in the order of an expression. On Spark, rows are numbered in no particular order,
        because sorting them would move all rows to one task. -#}
    {{ adapter.dispatch('row_number_by')(expression) }}
{%- endmacro %}


{% macro default__row_number_by(expression) -%}
    row_number() over (order by {{ expression }})
{%- endmacro %}


{% macro spark__row_number_by(expression) -%}
    {{ input_row_number(none) }}
{%- endmacro %}
