{# Phrases that describe what sets a customer or a segment apart. The words are in macros/catalogue/features.sql. #}

{% macro short_number(value) -%}
    {#- A number for a phrase: with one decimal place if it is below 10 and not whole. -#}
    case
        when abs({{ value }}) < 10 and {{ value }} != floor({{ value }}) then {{ format_number(value, 1) }}
        else {{ format_number(value, 0) }}
    end
{%- endmacro %}


{% macro ratio_phrase(value, average, before) -%}
    {#- A value as a multiple of the average: spends 3.3x the average. -#}
    case
        when {{ value }} <= 0 then concat({{ before }}, 'nothing net')
        when {{ average }} <= 0 then concat({{ before }}, {{ short_number(value) }})
        when {{ value }} < 0.05 * {{ average }}
            then concat({{ before }}, 'less than 0.1x the average')
        else concat({{ before }}, {{ format_number(value ~ ' / ' ~ average, 1) }}, 'x the average')
    end
{%- endmacro %}


{% macro values_phrase(value, average, before, one, many) -%}
    {#- A value and the average: 10 orders against 4.2. -#}
    concat(
        coalesce({{ before }}, ''), {{ short_number(value) }},
        case when {{ value }} = 1 then {{ one }} else {{ many }} end,
        ' against ', {{ short_number(average) }}
    )
{%- endmacro %}


{% macro comparison_phrase(steps, value, comparison) -%}
    {#- How a customer compares with others in a feature, in the direction in which the segment differs from the other
        one: with all customers, if that puts the customer in that half of them, otherwise with the centroid of the
        other segment. `comparison` is a relation with the columns edges (the quantiles at equal steps), is_higher,
        typical (the centroid), other_name and the words of the catalogue. -#}
    {%- set edges, other = comparison ~ '.edges', comparison ~ '.other_name' %}
    case
        when {{ comparison }}.is_higher and {{ bin_index(value, edges) }} >= {{ steps // 2 }}
            then concat(
                {{ comparison }}.more_than, ' ',
                cast({{ 100 // steps }} * {{ bin_index(value, edges) }} as string),
                ' % of customers'
            )
        when not {{ comparison }}.is_higher and {{ edges_above(value, edges) }} >= {{ steps // 2 }}
            then concat(
                {{ comparison }}.less_than, ' ',
                cast({{ 100 // steps }} * {{ edges_above(value, edges) }} as string),
                ' % of customers'
            )
        when {{ comparison }}.is_higher
            then concat(
                {{ comparison }}.more_than, ' is typical of ', {{ other }}, ' (', {{ short_number(value) }},
                case when {{ value }} = 1 then {{ comparison }}.phrase_one else {{ comparison }}.phrase_many end,
                ' against ', {{ short_number(comparison ~ '.typical') }}, ')'
            )
        else concat(
            {{ comparison }}.less_than, ' is typical of ', {{ other }}, ' (', {{ short_number(value) }},
            case when {{ value }} = 1 then {{ comparison }}.phrase_one else {{ comparison }}.phrase_many end,
            ' against ', {{ short_number(comparison ~ '.typical') }}, ')'
        )
    end
{%- endmacro %}
