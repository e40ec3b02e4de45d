{% macro series_from_zero(last) -%}
    {#- One row per whole number from 0 to the last, in a select list. -#}
    {{ adapter.dispatch('series_from_zero')(last) }}
{%- endmacro %}


{% macro default__series_from_zero(last) -%}
    unnest(range(cast({{ last }} as bigint) + 1))
{%- endmacro %}


{% macro spark__series_from_zero(last) -%}
    explode(sequence(0, cast({{ last }} as int)))
{%- endmacro %}
