{# The rows that are rejected. #}

{% macro rejected_rows(checked, base) -%}
    {#- The rejected rows of an input, as they came, with their reasons. -#}
    with checked as (
        select * from {{ checked }}
    ),

    input_rows as (
        select * from {{ base }}
    )

    select
        checked.input_row,
        split_part(checked.failed_rules, ', ', 1) as first_failed_rule,
        checked.failed_rules,
        {{ to_json('input_rows.raw_row') }} as raw_row
    from checked
    inner join input_rows
        on checked.input_row = input_rows.input_row
    where checked.failed_rules is not null
{%- endmacro %}
