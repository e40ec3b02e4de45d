{% macro series_from_zero(last) -%}
    {#- For a select list: one row per whole number from 0 to the last. -#}
    {{ adapter.dispatch('series_from_zero')(last) }}
{%- endmacro %}


{% macro default__series_from_zero(last) -%}
    unnest(range(cast({{ last }} as bigint) + 1))
{%- endmacro %}


{% macro spark__series_from_zero(last) -%}
    explode(sequence(0, cast({{ last }} as int)))
{%- endmacro %}
