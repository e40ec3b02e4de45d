{% macro to_json(struct) -%}
    {{ adapter.dispatch('to_json')(struct) }}
{%- endmacro %}


{% macro default__to_json(struct) -%}
    cast(to_json({{ struct }}) as string)
{%- endmacro %}


{% macro spark__to_json(struct) -%}
    to_json({{ struct }}, map('ignoreNullFields', 'false'))
{%- endmacro %}
