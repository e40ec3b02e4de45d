{% macro keeps_history() %}
    {#- Whether the warehouse keeps models and builds from one build to the next. Appends to Parquet tables on Spark are
        not atomic for readers, so every build there is the first. -#}
    {%- do return(target.type == 'duckdb') -%}
{% endmacro %}
