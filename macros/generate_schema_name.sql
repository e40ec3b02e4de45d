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
    {#- DuckDB names the database after its file. If a schema had the same name, marts.x would be ambiguous; the others
        are the schemas and the databases that are always there. -#}
    {%- set file = (target.get('path') or '').replace('\\', '/').split('/') | last -%}
    {%- set database = file.split('.') | first | lower -%}
    {%- set is_kept = database in ('information_schema', 'main', 'pg_catalog', 'system', 'temp') -%}
    {%- if is_kept or database == schema | lower -%}
        {%- do exceptions.raise_compiler_error(
            'The warehouse ' ~ target.path ~ ' has ' ~ (
                "the name '" ~ database ~ "', which DuckDB keeps for itself" if is_kept
                else "the same name as the schema '" ~ schema ~ "', which is ambiguous in DuckDB"
            ) ~ '; set SEGMENTATION_WAREHOUSE to a file with another name.'
        ) -%}
    {%- endif -%}
    {{ schema }}
{%- endmacro %}
