{#
    The rules for rows. To add one, write its condition where its columns are known (failed_rules in models/staging, a
    case in models/checks, or, for a flag, models/marts/quality/data_quality.sql), and add its entry here; nothing else
    has to change.
#}

{% macro rule_catalogue() %}
    {#- One entry per rule, in the order in which rules are tried. kind: rejected rows break a rule, excluded rows are
        left out on purpose by a setting, and flagged rows are used and worth knowing about. input: transactions,
        customers or both. label: the rule in the
        report. remedy: what to do about rejected rows. -#}
    {% do return([
        {
            'rule': 'excluded_line', 'input': 'transactions', 'kind': 'excluded',
            'label': 'Left out by the setting excluded_lines',
            'remedy': none,
        },
        {
            'rule': 'missing_customer_id', 'input': 'both', 'kind': 'rejected',
            'label': 'No customer id',
            'remedy': 'map customer_id to the column that names the buyer, or accept the share',
        },
        {
            'rule': 'missing_date', 'input': 'transactions', 'kind': 'rejected',
            'label': 'No date',
            'remedy': 'map transaction_date to the column that has the day',
        },
        {
            'rule': 'unparsable_date', 'input': 'transactions', 'kind': 'rejected',
            'label': 'A date that cannot be read',
            'remedy': 'set date_format (day_first or month_first) to how the dates are written',
        },
        {
            'rule': 'date_in_future', 'input': 'transactions', 'kind': 'rejected',
            'label': 'A date in the future',
            'remedy': 'correct the dates at their source, or set date_format',
        },
        {
            'rule': 'missing_amount', 'input': 'transactions', 'kind': 'rejected',
            'label': 'No amount',
            'remedy': 'map amount to the total of the line, or unit_price and quantity',
        },
        {
            'rule': 'unparsable_amount', 'input': 'transactions', 'kind': 'rejected',
            'label': 'An amount that cannot be read',
            'remedy': 'set decimal_mark to the one that the amounts have',
        },
        {
            'rule': 'unparsable_quantity', 'input': 'transactions', 'kind': 'rejected',
            'label': 'A quantity that cannot be read',
            'remedy': 'set decimal_mark, or leave quantity out of transactions_columns',
        },
        {
            'rule': 'missing_currency', 'input': 'transactions', 'kind': 'rejected',
            'label': 'No currency',
            'remedy': 'fill the currency at its source, or leave it out of transactions_columns',
        },
        {
            'rule': 'unknown_customer_id', 'input': 'transactions', 'kind': 'rejected',
            'label': 'A customer who is not in the customer list',
            'remedy': 'complete the customers input, set ids_are_whole_numbers where one input writes 17850.0 for'
                ~ ' 17850, or leave customers_location unset to take the customers from the transactions',
        },
        {
            'rule': 'after_as_of_date', 'input': 'transactions', 'kind': 'excluded',
            'label': 'After the day the report is for',
            'remedy': none,
        },
        {
            'rule': 'before_observation_window', 'input': 'transactions', 'kind': 'excluded',
            'label': 'Before the days that the report looks at',
            'remedy': none,
        },
        {
            'rule': 'duplicate_key', 'input': 'transactions', 'kind': 'rejected',
            'label': 'The same row again',
            'remedy': 'correct unique_key: it does not tell these rows apart',
        },
        {
            'rule': 'unparsable_signup_date', 'input': 'customers', 'kind': 'rejected',
            'label': 'A signup date that cannot be read',
            'remedy': 'set date_format (day_first or month_first) to how the dates are written',
        },
        {
            'rule': 'signup_in_future', 'input': 'customers', 'kind': 'rejected',
            'label': 'A signup in the future',
            'remedy': 'correct the dates at their source, or set date_format',
        },
        {
            'rule': 'signup_implausible', 'input': 'customers', 'kind': 'rejected',
            'label': 'A signup that is too long ago',
            'remedy': 'correct the dates at their source, or lower earliest_signup_date',
        },
        {
            'rule': 'duplicate_customer_id', 'input': 'customers', 'kind': 'rejected',
            'label': 'The same customer again',
            'remedy': 'map customer_id to a column that is unique in the customers input',
        },
        {
            'rule': 'return', 'input': 'transactions', 'kind': 'flagged',
            'label': 'Returns',
            'remedy': none,
        },
        {
            'rule': 'zero_amount', 'input': 'transactions', 'kind': 'flagged',
            'label': 'Amounts of zero',
            'remedy': none,
        },
        {
            'rule': 'rounded_amount', 'input': 'transactions', 'kind': 'flagged',
            'label': 'Amounts with more than two decimals, rounded',
            'remedy': none,
        },
        {
            'rule': 'missing_quantity', 'input': 'transactions', 'kind': 'flagged',
            'label': 'No quantity, taken for 0',
            'remedy': none,
        },
        {
            'rule': 'before_signup', 'input': 'transactions', 'kind': 'flagged',
            'label': "Before the customer's signup",
            'remedy': none,
        },
        {
            'rule': 'identical_line', 'input': 'transactions', 'kind': 'flagged',
            'label': 'Repeats another line; counted',
            'remedy': none,
        },
        {
            'rule': 'missing_signup_date', 'input': 'customers', 'kind': 'flagged',
            'label': 'No signup date; the first purchase stands in',
            'remedy': none,
        },
        {
            'rule': 'no_purchase', 'input': 'customers', 'kind': 'flagged',
            'label': 'No purchase',
            'remedy': none,
        },
        {
            'rule': 'nothing_spent_net', 'input': 'customers', 'kind': 'flagged',
            'label': 'Returned as much as they bought, or more',
            'remedy': none,
        },
    ]) %}
{% endmacro %}


{% macro catalogued_rule(name) %}
    {#- The catalogue's entry of a rule. A name that the catalogue does not have stops the run. -#}
    {%- for entry in rule_catalogue() if entry.rule == name -%}{%- do return(entry) -%}{%- endfor -%}
    {%- do exceptions.raise_compiler_error(
        "The rule '" ~ name ~ "' is not in the catalogue; add its entry to macros/catalogue/rules.sql."
    ) -%}
{% endmacro %}


{% macro rule_catalogue_rows() %}
    {#- The catalogue as rows for a table. -#}
    {%- set rows = [] -%}
    {%- for entry in rule_catalogue() -%}
        {%- do rows.append({'rule_order': loop.index}) -%}
        {%- do rows[-1].update(entry) -%}
    {%- endfor -%}
    {%- do return(rows) -%}
{% endmacro %}
