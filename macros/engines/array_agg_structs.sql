{% macro array_agg_structs(fields, order_by) -%}
    {#- The rows of a group as a list of structs of {name: expression}, ordered by the given expressions, nulls
        first. -#}
    {{ adapter.dispatch('array_agg_structs')(fields, order_by) }}
{%- endmacro %}


{% macro default__array_agg_structs(fields, order_by) -%}
    list(
        {{ named_struct(fields) | indent(4) }}
        order by {{ order_by | join(' nulls first, ') }} nulls first
    )
{%- endmacro %}


{% macro spark__array_agg_structs(fields, order_by) -%}
    {%- set places = {} -%}
    {%- for expression in order_by -%}
        {%- do places.update({'place_' ~ loop.index: expression}) -%}
    {%- endfor -%}
    {%- do places.update({'content': named_struct(fields)}) -%}
    transform(sort_array(collect_list({{ named_struct(places) }})), placed -> placed.content)
{%- endmacro %}
