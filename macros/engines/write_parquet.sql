{% macro write_parquet(query, path) %}
    {#- Writes the rows of a query to a Parquet file, on Spark to a folder of files, instead of what was there. -#}
    {{ adapter.dispatch('write_parquet')(query, path) }}
{% endmacro %}


{% macro default__write_parquet(query, path) %}
    {%- do run_query('copy (' ~ query ~ ') to ' ~ quote_literal(path) ~ ' (format parquet)') -%}
{% endmacro %}


{% macro spark__write_parquet(query, path) %}
    {%- call statement('write_parquet') -%}
        insert overwrite directory {{ quote_literal(path) }} using parquet {{ query }}
    {%- endcall -%}
{% endmacro %}
