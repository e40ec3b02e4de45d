{% macro computes_ctes_once() %}
    {#- Whether the engine computes a CTE once, and not again for each reference to it. -#}
    {%- do return(target.type == 'duckdb') -%}
{% endmacro %}
