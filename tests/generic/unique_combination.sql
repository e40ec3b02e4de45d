{% test unique_combination(model, columns) %}
    {#- Fails with the combinations of column values that occur in more than one row. -#}
    select
        {{ columns | join(', ') }},
        count(*) as rows_found
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
