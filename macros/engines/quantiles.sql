{% macro quantiles(value, shares) -%}
    {#- The discrete quantiles of a group at these shares, as an ascending list without duplicates. -#}
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
