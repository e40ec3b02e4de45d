{% macro array_agg_ascending(value, distinct=false) -%}
    {#- The values of a group as an ascending list, with or without duplicates. -#}
    {{ adapter.dispatch('array_agg_ascending')(value, distinct) }}
{%- endmacro %}


{% macro default__array_agg_ascending(value, distinct) -%}
    list({{ 'distinct ' if distinct }}{{ value }} order by {{ value }})
{%- endmacro %}


{% macro spark__array_agg_ascending(value, distinct) -%}
    array_sort({{ 'collect_set' if distinct else 'collect_list' }}({{ value }}))
{%- endmacro %}
