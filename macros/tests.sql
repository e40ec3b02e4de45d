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

    {%- set rows = [] -%}
    {%- for broken in counts -%}
        {%- do rows.append({'broken_rule': quote_literal(broken), 'rows_found': 'constraint_' ~ loop.index}) -%}
    {%- endfor -%}
    {%- if rows %},

    expanded as (
        {{- expand_rows('counted', [], rows) }}
    )

    select * from expanded where rows_found > 0
    {%- else %}
    select row_count from counted where false
    {%- endif %}
{% endmacro %}


{% macro rows_that_break(condition) -%}
    count(case when not ({{ condition }}) then 1 end)
{%- endmacro %}


{% macro repeated_rows(columns) -%}
    {#- How many rows repeat another one in these columns, nulls included. -#}
    count(*) - count(distinct {{ sort_key(columns) }})
{%- endmacro %}
