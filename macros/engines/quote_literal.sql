{% macro quote_literal(text) %}
    {%- do return(adapter.dispatch('quote_literal')(text)) -%}
{% endmacro %}


{% macro default__quote_literal(text) %}
    {%- do return("'" ~ text | replace("'", "''") ~ "'") -%}
{% endmacro %}


{% macro spark__quote_literal(text) %}
    {#- Spark puts something else in the place of ${...}, also within a text. -#}
    {%- do return(
        "'" ~ text | replace('\\', '\\\\') | replace("'", "\\'") | replace('${', '\\u0024{') ~ "'"
    ) -%}
{% endmacro %}
