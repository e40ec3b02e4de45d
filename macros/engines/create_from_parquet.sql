{% macro create_from_parquet(table, path, condition, config) %}
    {#- Creates a table from those rows of a Parquet file, or of a folder of files, for which a condition holds; in the
        format that the config of its model names. -#}
    {{ adapter.dispatch('create_from_parquet')(table, path, condition, config) }}
{% endmacro %}


{% macro default__create_from_parquet(table, path, condition, config) %}
    {#- Spark's points in time have a time zone, and those of a DuckDB table have none. -#}
    {%- set in_folder = quote_literal(path ~ '/*.parquet') -%}
    {%- set is_folder = run_query('select count(*) from glob(' ~ in_folder ~ ')').rows[0][0] > 0 -%}
    {%- set rows = 'read_parquet(' ~ (in_folder if is_folder else quote_literal(path)) ~ ')' -%}
    {%- set columns = [] -%}
    {%- for column in run_query('describe from ' ~ rows).rows -%}
        {%- set name = adapter.quote(column['column_name']) -%}
        {%- do columns.append(
            'cast(' ~ name ~ ' as timestamp) as ' ~ name if column['column_type'].startswith('TIMESTAMP') else name
        ) -%}
    {%- endfor -%}
    {%- do run_query(
        'create table ' ~ table ~ ' as select ' ~ columns | join(', ') ~ ' from ' ~ rows ~ ' where ' ~ condition
    ) -%}
{% endmacro %}


{% macro spark__create_from_parquet(table, path, condition, config) %}
    {#- DuckDB's points in time have no time zone; they are in UTC, as those of the session. -#}
    {%- set rows = 'created_from_parquet' -%}
    {%- do run_query(
        'create or replace temporary view ' ~ rows ~ ' using parquet options (path ' ~ quote_literal(path) ~ ')'
    ) -%}
    {%- set columns = [] -%}
    {%- for column in run_query('describe table ' ~ rows).rows -%}
        {%- set name = adapter.quote(column['col_name']) -%}
        {%- do columns.append(
            'cast(' ~ name ~ ' as timestamp) as ' ~ name if column['data_type'].startswith('timestamp') else name
        ) -%}
    {%- endfor -%}
    {%- call statement('create_from_parquet') -%}
        create table {{ table }}
        using {{ config.file_format or 'parquet' }}
        {{- ' partitioned by (' ~ config.partition_by | join(', ') ~ ')' if config.partition_by }}
        as select {{ columns | join(', ') }} from {{ rows }} where {{ condition }}
    {%- endcall -%}
{% endmacro %}
