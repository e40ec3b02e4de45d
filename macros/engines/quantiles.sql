{% macro quantiles(value, shares) -%}
    {#- The values of a group that have these shares of it at or below them, ascending, each once, as a list. -#}
    {{ adapter.dispatch('quantiles')(value, shares) }}
{%- endmacro %}


{% macro default__quantiles(value, shares) -%}
    list_sort(list_distinct(quantile_disc({{ value }}, [{{ shares | join(', ') }}])))
{%- endmacro %}


{% macro spark__quantiles(value, shares) -%}
    array_sort(array_distinct(
        percentile_disc(array({{ shares | join(', ') }})) within group (order by {{ value }})
    ))
{%- endmacro %}
