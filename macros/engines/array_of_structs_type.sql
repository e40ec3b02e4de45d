{% macro array_of_structs_type(fields) -%}
    {#- The type of a list of structs of {name: type}. -#}
    {{ adapter.dispatch('array_of_structs_type')(fields) }}
{%- endmacro %}


{% macro default__array_of_structs_type(fields) -%}
    struct(
        {%- for name, type in fields.items() %}{{ name }} {{ type }}{{ ', ' if not loop.last }}{% endfor -%}
    )[]
{%- endmacro %}


{% macro spark__array_of_structs_type(fields) -%}
    array<struct<
        {%- for name, type in fields.items() %}{{ name }}: {{ type }}{{ ', ' if not loop.last }}{% endfor -%}
    >>
{%- endmacro %}
