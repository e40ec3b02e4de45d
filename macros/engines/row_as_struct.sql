{% macro row_as_struct(relation) -%}
    {#- All columns of a relation in the query as a struct. -#}
    {{ adapter.dispatch('row_as_struct')(relation) }}
{%- endmacro %}


{% macro default__row_as_struct(relation) -%}
    {{ relation }}
{%- endmacro %}


{% macro spark__row_as_struct(relation) -%}
    struct({{ relation }}.*)
{%- endmacro %}
