{# What sets a customer or a segment apart, in the words of whoever reads it. #}

{% macro feature_words() %}
    {#- Each feature as a phrase: what stands before the value, and after one and after several. -#}
    {% do return({
        'total_quantity': {'before': '', 'one': ' item', 'many': ' items'},
        'transaction_count': {'before': '', 'one': ' order', 'many': ' orders'},
        'days_since_signup': {'before': 'joined ', 'one': ' day ago', 'many': ' days ago'},
        'days_since_last_transaction': {'before': 'last bought ', 'one': ' day ago', 'many': ' days ago'},
        'average_transaction_value': {'before': 'spends ', 'one': ' an order', 'many': ' an order'},
    }) %}
{% endmacro %}


{% macro short_number(value) -%}
    {#- A number in a phrase: with one decimal where it is small and has any. -#}
    case
        when abs({{ value }}) < 10 and {{ value }} != floor({{ value }}) then {{ format_number(value, 1) }}
        else {{ format_number(value, 0) }}
    end
{%- endmacro %}


{% macro feature_phrase(feature, value, average) -%}
    {#- A value against that of the average clustered customer: spends 3.3x the average, 10 orders against 4.2. -#}
    {%- if feature == 'total_spending' -%}
    case
        when {{ value }} <= 0 then 'spends nothing net'
        when {{ average }} <= 0 then concat('spends ', {{ short_number(value) }})
        else concat('spends ', {{ format_number(value ~ ' / ' ~ average, 1) }}, 'x the average')
    end
    {%- else -%}
    {%- set words = feature_words().get(feature, {'before': feature ~ ' ', 'one': '', 'many': ''}) -%}
    concat(
        '{{ words.before }}', {{ short_number(value) }},
        case when {{ value }} = 1 then '{{ words.one }}' else '{{ words.many }}' end,
        ' against ', {{ short_number(average) }}
    )
    {%- endif -%}
{%- endmacro %}


{% macro phrase_of(name, features) -%}
    {#- The phrase of the feature that a column names. -#}
    case {{ name }}
        {%- for feature in features %}
        when '{{ feature }}' then {{ feature }}_phrase
        {%- endfor %}
    end
{%- endmacro %}
