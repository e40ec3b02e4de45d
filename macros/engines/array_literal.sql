{% macro array_literal(values) -%}
    {{ adapter.dispatch('array_literal')(values) }}
{%- endmacro %}


{% macro default__array_literal(values) -%}
    [
        {{ values | join(',\n        ') }}
    ]
{%- endmacro %}


{% macro spark__array_literal(values) -%}
    array(
        {{ values | join(',\n        ') }}
    )
{%- endmacro %}
