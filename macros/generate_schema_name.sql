{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- Plain names: people query marts.segment_profiles, not main_marts.segment_profiles. -#}
    {{ target.schema if custom_schema_name is none else custom_schema_name | trim }}
{%- endmacro %}
