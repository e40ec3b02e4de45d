{% macro sort_key(expressions) -%}
    {#- A key by which max_by and min_by compare several expressions: by the first, and on a tie by the next. -#}
    {{ adapter.dispatch('sort_key')(expressions) }}
{%- endmacro %}


{% macro default__sort_key(expressions) -%}
    ({{ expressions | join(', ') }})
{%- endmacro %}


{% macro spark__sort_key(expressions) -%}
    struct({{ expressions | join(', ') }})
{%- endmacro %}
