{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- Plain names: people query marts.segment_profiles, not main_marts.segment_profiles. -#}
    {%- set schema = target.schema if custom_schema_name is none else custom_schema_name | trim -%}
    {#- DuckDB names the database after its file. Two things of one name, and marts.x could be either. -#}
    {%- set file = (target.get('path') or '').replace('\\', '/').split('/') | last -%}
    {%- if file.split('.') | first | lower == schema | lower -%}
        {%- do exceptions.raise_compiler_error(
            'The warehouse ' ~ target.path ~ " has the name of the schema '" ~ schema ~ "', which DuckDB cannot tell"
            ~ ' apart; give the file another name in SEGMENTATION_WAREHOUSE.'
        ) -%}
    {%- endif -%}
    {{ schema }}
{%- endmacro %}
