{% macro unnest_structs(column) -%}
    {#- One row per struct of a list, its fields as columns, in a select list. None for an empty list or none. -#}
    {{ adapter.dispatch('unnest_structs')(column) }}
{%- endmacro %}


{% macro default__unnest_structs(column) -%}
    unnest({{ column }}, recursive := true)
{%- endmacro %}


{% macro spark__unnest_structs(column) -%}
    inline({{ column }})
{%- endmacro %}
