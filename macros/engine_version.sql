{% macro engine_version() -%}
    {#- The name and version of the engine that holds the warehouse, as text. -#}
    concat('duckdb ', version())
{%- endmacro %}
