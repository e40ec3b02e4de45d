{% test unique_combination(model, columns) %}
    {#- Fails with the combinations of columns that stand in more than one row. -#}
    select
        {{ columns | join(', ') }},
        count(*) as rows_found
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
