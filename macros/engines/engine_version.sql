{% macro engine_version() -%}
    {#- The name and version of the engine that holds the warehouse, as text. -#}
    {{ adapter.dispatch('engine_version')() }}
{%- endmacro %}


{% macro default__engine_version() -%}
    concat('duckdb ', version())
{%- endmacro %}


{% macro spark__engine_version() -%}
    concat('spark ', split_part(version(), ' ', 1))
{%- endmacro %}
