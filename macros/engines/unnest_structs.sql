{% macro unnest_structs(column) -%}
    {#- For a select list: one row per struct in a list, with its fields as columns. No rows for an empty or null
        list. -#}
    {{ adapter.dispatch('unnest_structs')(column) }}
{%- endmacro %}


{% macro default__unnest_structs(column) -%}
    unnest({{ column }}, recursive := true)
{%- endmacro %}


{% macro spark__unnest_structs(column) -%}
    inline({{ column }})
{%- endmacro %}
