{% macro sort_key(expressions) -%}
    {#- What max_by and min_by compare: the first expression, and the next where it is the same. -#}
    {{ adapter.dispatch('sort_key')(expressions) }}
{%- endmacro %}


{% macro default__sort_key(expressions) -%}
    ({{ expressions | join(', ') }})
{%- endmacro %}


{% macro spark__sort_key(expressions) -%}
    struct({{ expressions | join(', ') }})
{%- endmacro %}
