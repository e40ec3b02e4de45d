{% macro keeps_history() %}
    {#- Whether the warehouse keeps models and builds from one build to the next. -#}
    {%- do return(target.type == 'duckdb' or setting('history_format') != 'none') -%}
{% endmacro %}


{% macro history_config(partition_by, on_schema_change='ignore') %}
    {#-
        Configures a table to which builds append. An append must be there as a whole or not at all. A transaction of
        DuckDB, Iceberg or Delta Lake is. Spark's append to Parquet files is not: a build adds a partition instead,
        whose files nobody sees until the catalog has it, which it gets in one step.
    -#}
    {%- if not keeps_history() -%}
        {%- do return(config(materialized='table')) -%}
    {%- endif -%}
    {%- set format = none if target.type == 'duckdb' else setting('history_format') -%}
    {%- do return(config(
        materialized='incremental',
        incremental_strategy='insert_overwrite' if format == 'parquet' else 'append',
        file_format=format,
        partition_by=[partition_by] if format == 'parquet' else none,
        on_schema_change=on_schema_change,
        full_refresh=false,
    )) -%}
{% endmacro %}
