{#
    The history of a warehouse as Parquet files, for a warehouse on another engine: its models with the keys of their
    segments, its builds with what changed for each customer, and its exports.

        dbt run-operation export_history --args '{folder: /data/history}'
        dbt run-operation import_history --args '{folder: /data/history}' --target spark
#}

{% macro history_tables() %}
    {#- The tables that hold the history, each with a column that is never null. The log of builds comes last: with it,
        a history is complete. -#}
    {%- do return({'int_model_register': 'model_id', 'int_export_log': 'customer_id', 'int_build_log': 'build'}) -%}
{% endmacro %}


{% macro export_history(folder) %}
    {#- Writes each table of the history to a Parquet file in a folder that exists, or on Spark to a folder in it. -#}
    {%- do check_history_is_kept() -%}
    {%- set tables = {} -%}
    {%- for name in history_tables() -%}
        {%- set table = stored_relation(name) -%}
        {%- if not table -%}
            {%- do exceptions.raise_compiler_error(
                'There is no history to export: the table ' ~ name ~ ' does not exist. A build makes it.'
            ) -%}
        {%- endif -%}
        {%- do tables.update({name: table}) -%}
    {%- endfor -%}
    {%- do write_tables(tables, folder) -%}
    {%- do log('The history is in ' ~ folder ~ '. Another warehouse begins with it: dbt run-operation import_history'
        ~ " --args '{folder: " ~ folder ~ "}'", info=true) -%}
{% endmacro %}


{% macro write_tables(tables, folder) %}
    {#- Writes tables, given as {name: relation, or none for that of the model}, to Parquet files in a folder. -#}
    {%- for name, table in tables.items() -%}
        {#- A table without rows gets one of nulls, since not every engine writes a file without rows. -#}
        {%- set rows = 'select stored.* from (select 1 as one) as one left join '
            ~ (table or stored_relation(name)) ~ ' as stored on true' -%}
        {%- do write_parquet(rows, folder ~ '/' ~ name ~ '.parquet') -%}
    {%- endfor -%}
{% endmacro %}


{% macro log_exported_wave(path, wave) %}
    {#- Adds an exported wave to the log on Spark, from a Parquet file with its other columns; in one step. -#}
    {%- do check_history_is_kept() -%}
    {%- set log = stored_relation('int_export_log') -%}
    {%- set columns = adapter.get_columns_in_relation(log) | map(attribute='name') | list -%}
    {%- set columns = columns | reject('eq', 'wave') | join(', ') -%}
    {%- do view_of_parquet('exported_wave', path) -%}
    {%- call statement('log_exported_wave') -%}
        {%- if setting('history_format') == 'parquet' %}
        insert overwrite table {{ log }} partition (wave = {{ wave }}) select {{ columns }} from exported_wave
        {%- else %}
        insert into {{ log }} (wave, {{ columns }}) select {{ wave }}, {{ columns }} from exported_wave
        {%- endif %}
    {%- endcall -%}
{% endmacro %}


{% macro import_history(folder) %}
    {#- Gives a warehouse without a history the one that export_history wrote to this folder. -#}
    {%- do check_history_is_kept() -%}
    {%- for name in history_tables() -%}
        {%- set table = stored_relation(name) -%}
        {%- if table -%}
            {%- do exceptions.raise_compiler_error(
                'This warehouse has a history already: the table ' ~ table ~ ' exists. An imported history can only be'
                ~ ' the first; take another warehouse, or drop the tables ' ~ history_tables() | join(', ') ~ '.'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set tables = {} -%}
    {%- for name in history_tables() -%}
        {%- set node = graph.nodes[model_id_of(name)] -%}
        {%- set table = api.Relation.create(
            database=node.database, schema=node.schema, identifier=node.alias, type='table'
        ) -%}
        {%- do adapter.create_schema(table) -%}
        {%- do tables.update({name: table}) -%}
    {%- endfor -%}
    {#- All or none, where the engine has transactions. -#}
    {%- do run_query('begin') if target.type == 'duckdb' -%}
    {%- for name, table in tables.items() -%}
        {%- set node = graph.nodes[model_id_of(name)] -%}
        {%- set is_stored = history_tables()[name] ~ ' is not null' -%}
        {%- do create_from_parquet(table, folder ~ '/' ~ name ~ '.parquet', is_stored, node.config) -%}
    {%- endfor -%}
    {%- do run_query('commit') if target.type == 'duckdb' -%}
    {%- do log('The history of ' ~ folder ~ ' was imported; the next build goes on from it.', info=true) -%}
{% endmacro %}


{% macro check_history_is_kept() %}
    {%- if not keeps_history() -%}
        {%- do exceptions.raise_compiler_error(
            "This warehouse keeps no history, because history_format is none: set parquet, iceberg or delta."
        ) -%}
    {%- endif -%}
{% endmacro %}
