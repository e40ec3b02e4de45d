{% macro keeps_history() %}
    {#- Whether models and builds stay in the warehouse from one build to the next. Parquet tables on Spark cannot be
        appended to in one step that a reader sees whole, so there every build is the first. -#}
    {%- do return(target.type == 'duckdb') -%}
{% endmacro %}
