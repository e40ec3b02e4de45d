{% macro quote_ident(name) %}
    {%- do return(adapter.dispatch('quote_ident')(name)) -%}
{% endmacro %}


{% macro default__quote_ident(name) %}
    {%- do return('"' ~ name | replace('"', '""') ~ '"') -%}
{% endmacro %}


{% macro spark__quote_ident(name) %}
    {%- do return('`' ~ name | replace('`', '``') ~ '`') -%}
{% endmacro %}
