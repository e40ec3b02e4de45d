{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- As many shops do: everything of one developer under one prefix. -#}
    {{ target.schema if custom_schema_name is none else target.schema ~ '__' ~ custom_schema_name | trim }}
{%- endmacro %}
