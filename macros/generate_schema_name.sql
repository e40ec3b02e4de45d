{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- As a package, this project names its schemas as the other project names its own: marts is segmentation_marts
        there, in the other project's way; a name that the other project has configured stays. -#}
    {%- if is_package() -%}
        {%- set theirs = context.get(project_name, {}).get('generate_schema_name', dbt.generate_schema_name) -%}
        {%- set ours = ('staging', 'intermediate', 'rejects', 'marts', 'playbook') -%}
        {%- do return(theirs(
            'segmentation_' ~ custom_schema_name if custom_schema_name in ours else custom_schema_name, node
        )) -%}
    {%- endif -%}
    {#- Plain names: people query marts.segment_profiles, not main_marts.segment_profiles. -#}
    {%- set schema = target.schema if custom_schema_name is none else custom_schema_name | trim -%}
    {#- DuckDB names the database after its file. If a schema had the same name, marts.x would be ambiguous. -#}
    {%- set file = (target.get('path') or '').replace('\\', '/').split('/') | last -%}
    {%- if file.split('.') | first | lower == schema | lower -%}
        {%- do exceptions.raise_compiler_error(
            'The warehouse ' ~ target.path ~ " has the same name as the schema '" ~ schema ~ "', which is ambiguous in"
            ~ ' DuckDB; set SEGMENTATION_WAREHOUSE to a file with another name.'
        ) -%}
    {%- endif -%}
    {{ schema }}
{%- endmacro %}
