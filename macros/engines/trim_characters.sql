{% macro trim_characters(text, characters) -%}
    {#- A text without the characters of an expression at its start and end. -#}
    {{ adapter.dispatch('trim_characters')(text, characters) }}
{%- endmacro %}


{% macro default__trim_characters(text, characters) -%}
    {#- DuckDB's trim with a list of characters is slow, and few texts need it: those that begin or end with anything
        but a printing character of ASCII. A comparison of whole texts tells the first character; substring finds the
        last one faster than right. -#}
    case
        when {{ text }} between '!' and '~~' and substring({{ text }}, -1) between '!' and '~' then {{ text }}
        else trim({{ text }}, {{ characters }})
    end
{%- endmacro %}


{% macro spark__trim_characters(text, characters) -%}
    btrim({{ text }}, {{ characters }})
{%- endmacro %}
