{% macro trim_characters(text, characters) -%}
    {#- A text without any of these characters, an expression, around it. -#}
    {{ adapter.dispatch('trim_characters')(text, characters) }}
{%- endmacro %}


{% macro default__trim_characters(text, characters) -%}
    trim({{ text }}, {{ characters }})
{%- endmacro %}


{% macro spark__trim_characters(text, characters) -%}
    btrim({{ text }}, {{ characters }})
{%- endmacro %}
