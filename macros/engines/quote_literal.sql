{% macro quote_literal(text) %}
    {%- do return(adapter.dispatch('quote_literal')(text)) -%}
{% endmacro %}


{% macro default__quote_literal(text) %}
    {%- do return("'" ~ text | replace("'", "''") ~ "'") -%}
{% endmacro %}


{% macro spark__quote_literal(text) %}
    {#- Spark substitutes variables in ${...}, even within a literal. -#}
    {%- do return(
        "'" ~ text | replace('\\', '\\\\') | replace("'", "\\'") | replace('${', '\\u0024{') ~ "'"
    ) -%}
{% endmacro %}
