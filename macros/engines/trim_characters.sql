{% macro trim_characters(text, characters) -%}
    {#- A text without the characters of an expression at its start and end. -#}
    {{ adapter.dispatch('trim_characters')(text, characters) }}
{%- endmacro %}


{% macro default__trim_characters(text, characters) -%}
    trim({{ text }}, {{ characters }})
{%- endmacro %}


{% macro spark__trim_characters(text, characters) -%}
    btrim({{ text }}, {{ characters }})
{%- endmacro %}
