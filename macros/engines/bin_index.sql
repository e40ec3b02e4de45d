{% macro bin_index(value, edges) -%}
    {#- The number of the bin of a value, from 0: the number of edges below the value. -#}
    {{ adapter.dispatch('bin_index')(value, edges) }}
{%- endmacro %}


{% macro default__bin_index(value, edges) -%}
    len(list_filter({{ edges }}, lambda edge: edge < {{ value }}))
{%- endmacro %}


{% macro spark__bin_index(value, edges) -%}
    size(filter({{ edges }}, edge -> edge < {{ value }}))
{%- endmacro %}


{% macro edges_above(value, edges) -%}
    {#- The number of edges above a value. -#}
    {{ adapter.dispatch('edges_above')(value, edges) }}
{%- endmacro %}


{% macro default__edges_above(value, edges) -%}
    len(list_filter({{ edges }}, lambda edge: edge > {{ value }}))
{%- endmacro %}


{% macro spark__edges_above(value, edges) -%}
    size(filter({{ edges }}, edge -> edge > {{ value }}))
{%- endmacro %}
