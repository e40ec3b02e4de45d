{% macro median_disc(value) -%}
    {#- The discrete median of a group: the smallest value that at least half of the values do not exceed. -#}
    {{ adapter.dispatch('median_disc')(value) }}
{%- endmacro %}


{% macro default__median_disc(value) -%}
    quantile_disc({{ value }}, 0.5)
{%- endmacro %}


{% macro spark__median_disc(value) -%}
    percentile_disc(0.5) within group (order by {{ value }})
{%- endmacro %}
