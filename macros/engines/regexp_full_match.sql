{% macro regexp_full_match(text, pattern) -%}
    {#- Whether a pattern (RE2 and Java read alike what is used here) describes the whole text. -#}
    {{ adapter.dispatch('regexp_full_match')(text, pattern) }}
{%- endmacro %}


{% macro default__regexp_full_match(text, pattern) -%}
    regexp_full_match({{ text }}, {{ quote_literal(pattern) }})
{%- endmacro %}


{% macro spark__regexp_full_match(text, pattern) -%}
    regexp_like({{ text }}, {{ quote_literal('^(?:' ~ pattern ~ ')$') }})
{%- endmacro %}
