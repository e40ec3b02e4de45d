{% macro quantiles(value, shares) -%}
    {#- The discrete quantiles of a group at these ascending shares, as an ascending list. -#}
    {{ adapter.dispatch('quantiles')(value, shares) }}
{%- endmacro %}


{% macro default__quantiles(value, shares) -%}
    quantile_disc({{ value }}, [{{ shares | join(', ') }}])
{%- endmacro %}


{% macro spark__quantiles(value, shares) -%}
    percentile_disc(array({{ shares | join(', ') }})) within group (order by {{ value }})
{%- endmacro %}


{% macro distinct_quantiles(value, shares) -%}
    {#- The same without duplicates. -#}
    {{ adapter.dispatch('distinct_quantiles')(value, shares) }}
{%- endmacro %}


{% macro default__distinct_quantiles(value, shares) -%}
    list_sort(list_distinct({{ quantiles(value, shares) }}))
{%- endmacro %}


{% macro spark__distinct_quantiles(value, shares) -%}
    array_sort(array_distinct({{ quantiles(value, shares) }}))
{%- endmacro %}
