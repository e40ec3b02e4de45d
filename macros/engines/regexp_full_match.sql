{% macro regexp_full_match(text, pattern) -%}
    {#- Whether a pattern matches the entire text. RE2 and Java treat the syntax used here alike. -#}
    {{ adapter.dispatch('regexp_full_match')(text, pattern) }}
{%- endmacro %}


{% macro default__regexp_full_match(text, pattern) -%}
    regexp_full_match({{ text }}, {{ quote_literal(pattern) }})
{%- endmacro %}


{% macro spark__regexp_full_match(text, pattern) -%}
    regexp_like({{ text }}, {{ quote_literal('^(?:' ~ pattern ~ ')$') }})
{%- endmacro %}
