{% macro casts_as_written(text) -%}
    {#- Whether a cast reads a text as a number only if it is written as one here: DuckDB also reads 1_000, and Spark
        the digits of every script, each of which has more than one byte. -#}
    {{ adapter.dispatch('casts_as_written')(text) }}
{%- endmacro %}


{% macro default__casts_as_written(text) -%}
    position('_' in {{ text }}) = 0
{%- endmacro %}


{% macro spark__casts_as_written(text) -%}
    position('_' in {{ text }}) = 0 and bit_length({{ text }}) = 8 * length({{ text }})
{%- endmacro %}
