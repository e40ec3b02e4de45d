{#- A table on Spark, because Spark numbers the rows differently at each read. -#}
{{ config(materialized='view' if target.type == 'duckdb' else 'table') }}

{% do declare_input('transactions') %}
{{ transactions_as_text(input_relation('transactions')) }}
