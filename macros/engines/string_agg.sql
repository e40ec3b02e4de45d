{% macro string_agg(text, separator, order_by, distinct=false) -%}
    {#- The texts of a group, concatenated in this order. -#}
    {{ adapter.dispatch('string_agg')(text, separator, order_by, distinct) }}
{%- endmacro %}


{% macro default__string_agg(text, separator, order_by, distinct) -%}
    string_agg({{ 'distinct ' if distinct }}{{ text }}, {{ quote_literal(separator) }} order by {{ order_by }})
{%- endmacro %}


{% macro spark__string_agg(text, separator, order_by, distinct) -%}
    listagg({{ 'distinct ' if distinct }}{{ text }}, {{ quote_literal(separator) }})
    within group (order by {{ order_by }})
{%- endmacro %}
