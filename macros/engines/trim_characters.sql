{% macro trim_characters(text, characters) -%}
    {#- A text without the characters of an expression at its start and end. -#}
    {{ adapter.dispatch('trim_characters')(text, characters) }}
{%- endmacro %}


{% macro default__trim_characters(text, characters) -%}
    {#- DuckDB's trim with a list of characters is slow, and few texts need it: those that begin or end with anything
        but a printing character of ASCII. -#}
    case
        when left({{ text }}, 1) between '!' and '~' and right({{ text }}, 1) between '!' and '~' then {{ text }}
        else trim({{ text }}, {{ characters }})
    end
{%- endmacro %}


{% macro spark__trim_characters(text, characters) -%}
    btrim({{ text }}, {{ characters }})
{%- endmacro %}
