{% macro raise_error(sentence) -%}
    {#- An expression that stops the run with an error message when it is evaluated. -#}
    {{ adapter.dispatch('raise_error')(sentence) }}
{%- endmacro %}


{% macro default__raise_error(sentence) -%}
    error({{ sentence }})
{%- endmacro %}


{% macro spark__raise_error(sentence) -%}
    cast(raise_error({{ sentence }}) as string)
{%- endmacro %}
