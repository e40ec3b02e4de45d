{% macro create_from_parquet(table, path, condition, config) %}
    {#- Creates a table from those rows of a Parquet file, or of a folder of files, for which a condition holds; in the
        format that the config of its model names. -#}
    {{ adapter.dispatch('create_from_parquet')(table, path, condition, config) }}
{% endmacro %}


{% macro default__create_from_parquet(table, path, condition, config) %}
    {%- set in_folder = quote_literal(path ~ '/*.parquet') -%}
    {%- set is_folder = run_query('select count(*) from glob(' ~ in_folder ~ ')').rows[0][0] > 0 -%}
    {%- set rows = 'read_parquet(' ~ (in_folder if is_folder else quote_literal(path)) ~ ')' -%}
    {%- set columns = columns_with_our_timestamps(run_query('describe from ' ~ rows)) -%}
    {%- do run_query('create table ' ~ table ~ ' as select ' ~ columns ~ ' from ' ~ rows ~ ' where ' ~ condition) -%}
{% endmacro %}


{% macro spark__create_from_parquet(table, path, condition, config) %}
    {%- set rows = view_of_parquet('created_from_parquet', path) -%}
    {%- set columns = columns_with_our_timestamps(run_query('describe table ' ~ rows)) -%}
    {%- call statement('create_from_parquet') -%}
        create table {{ table }}
        using {{ config.file_format or 'parquet' }}
        {{- ' partitioned by (' ~ config.partition_by | join(', ') ~ ')' if config.partition_by }}
        as select {{ columns }} from {{ rows }} where {{ condition }}
    {%- endcall -%}
{% endmacro %}


{% macro view_of_parquet(name, path) %}
    {#- The name of a temporary view of Spark on a Parquet file or a folder of files, which it creates. -#}
    {%- do run_query(
        'create or replace temporary view ' ~ name ~ ' using parquet options (path ' ~ quote_literal(path) ~ ')'
    ) -%}
    {%- do return(name) -%}
{% endmacro %}


{% macro columns_with_our_timestamps(described) %}
    {#- The select list for described columns (name, type). Points in time are in UTC: with a time zone in a file
        of Spark, without one in a file of DuckDB, and of the engine's own type in a table. -#}
    {%- set columns = [] -%}
    {%- for column in described.rows -%}
        {%- set name = adapter.quote(column[0]) -%}
        {%- do columns.append(
            'cast(' ~ name ~ ' as timestamp) as ' ~ name if column[1].lower().startswith('timestamp') else name
        ) -%}
    {%- endfor -%}
    {%- do return(columns | join(', ')) -%}
{% endmacro %}
