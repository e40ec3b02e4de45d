{# What is rejected, and when that is too much. #}

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


{% macro rule_remedies() %}
    {#- Each rule that rejects rows, in the order in which they are tried, and what to do about it. Rows that the
        settings leave out on purpose are counted but never too many. -#}
    {% do return({
        'excluded_line': {'on_purpose': true},
        'missing_customer_id': {'remedy': 'map customer_id to the column that names the buyer, or accept the share'},
        'missing_date': {'remedy': 'map transaction_date to the column that has the day'},
        'unparsable_date': {'remedy': 'set date_format (day_first or month_first) to how the dates are written'},
        'date_in_future': {'remedy': 'correct the dates at their source, or set date_format'},
        'missing_amount': {'remedy': 'map amount to the total of the line, or unit_price and quantity'},
        'unparsable_amount': {'remedy': 'set decimal_mark to the one that the amounts have'},
        'unparsable_quantity': {'remedy': 'set decimal_mark, or leave quantity out of transactions_columns'},
        'missing_currency': {'remedy': 'fill the currency at its source, or leave it out of transactions_columns'},
        'unknown_customer_id': {
            'remedy': 'complete the customers input, set ids_are_whole_numbers where one input writes 17850.0 for'
                ~ ' 17850, or leave customers_location unset to take the customers from the transactions'
        },
        'after_as_of_date': {'on_purpose': true},
        'before_observation_window': {'on_purpose': true},
        'duplicate_key': {'remedy': 'correct unique_key: it does not tell these rows apart'},
        'unparsable_signup_date': {'remedy': 'set date_format (day_first or month_first) to how the dates are written'},
        'signup_in_future': {'remedy': 'correct the dates at their source, or set date_format'},
        'signup_implausible': {'remedy': 'correct the dates at their source, or lower earliest_signup_date'},
        'duplicate_customer_id': {'remedy': 'map customer_id to a column that is unique in the customers input'},
    }) %}
{% endmacro %}
