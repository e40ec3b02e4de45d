{% macro order_customers_by(columns) -%}
    {#- At the end of the query of a table with rows for each customer: the order of its rows. On Spark only within a
        partition, because an order of all rows computes the query twice, once to find limits between partitions. -#}
    {{ adapter.dispatch('order_customers_by')(columns) }}
{%- endmacro %}


{% macro default__order_customers_by(columns) -%}
    order by {{ columns | join(', ') }}
{%- endmacro %}


{% macro spark__order_customers_by(columns) -%}
    sort by {{ columns | join(', ') }}
{%- endmacro %}
