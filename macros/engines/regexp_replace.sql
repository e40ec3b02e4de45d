{% macro regexp_replace(text, pattern, replacement) -%}
    {#- A text with every match of a pattern replaced; \1 is its first group. -#}
    {{ adapter.dispatch('regexp_replace')(text, pattern, replacement) }}
{%- endmacro %}


{% macro default__regexp_replace(text, pattern, replacement) -%}
    regexp_replace({{ text }}, {{ quote_literal(pattern) }}, {{ quote_literal(replacement) }}, 'g')
{%- endmacro %}


{% macro spark__regexp_replace(text, pattern, replacement) -%}
    regexp_replace(
        {{ text }}, {{ quote_literal(pattern) }}, {{ quote_literal(replacement | replace('\\', '$')) }}
    )
{%- endmacro %}
