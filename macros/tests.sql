{# What generic tests share. #}

{% macro broken_counts(model, counts) %}
    {#- The counts that are not zero, in one scan; `counts` has an SQL aggregate for the name of each. -#}
    with counted as (
        select
            {%- for row_count in counts.values() %}
            {{ row_count }} as constraint_{{ loop.index }},
            {%- endfor %}
            count(*) as row_count
        from {{ model }}
    )

    {%- for broken in counts %}
    {{ 'union all' if not loop.first }}
    select
        {{ quote_literal(broken) }} as broken_constraint,
        constraint_{{ loop.index }} as rows_found
    from counted
    where constraint_{{ loop.index }} > 0
    {%- endfor %}
    {%- if not counts %}
    select row_count from counted where false
    {%- endif %}
{% endmacro %}
