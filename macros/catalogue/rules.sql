{#
    The row-level rules. To add one, write its condition where its columns are available (failed_rules in
    models/staging, a case in models/checks, or, for a flag, models/marts/quality/data_quality.sql), and add its entry
    here; nothing else has to change. docs/change.md shows an example.
#}

{% macro rule_catalogue() %}
    {#- One entry per rule, keyed by its name, in the order in which rules are tried. kind: rejected rows break a rule,
        excluded rows are excluded on purpose by a setting, and flagged rows are used but worth knowing about. input:
        transactions, customers, both of them, or suppressions. label: the rule in the report. meaning: when a row
        breaks the rule, or is flagged by it, as docs/input.md lists it. remedy: what to do about such rows, if
        anything. -#}
    {% do return({
        'excluded_line': {
            'input': 'transactions', 'kind': 'excluded',
            'label': 'Left out by the setting excluded_lines',
            'meaning': 'the setting excluded_lines excludes it',
            'remedy': none,
        },
        'missing_customer_id': {
            'input': 'both', 'kind': 'rejected',
            'label': 'No customer id',
            'meaning': 'there is no customer id',
            'remedy': 'map customer_id to the column that names the buyer, or accept the share',
        },
        'missing_date': {
            'input': 'transactions', 'kind': 'rejected',
            'label': 'No date',
            'meaning': 'there is no date',
            'remedy': 'map transaction_date to the column that has the day',
        },
        'unparsable_date': {
            'input': 'transactions', 'kind': 'rejected',
            'label': 'A date that cannot be read',
            'meaning': 'the date cannot be read',
            'remedy': 'set date_format (day_first or month_first) to how the dates are written, or write them as'
            ~ ' 2024-12-31 if they are neither',
        },
        'date_in_future': {
            'input': 'transactions', 'kind': 'rejected',
            'label': 'A date in the future',
            'meaning': 'the date is after the day of the run',
            'remedy': 'correct the dates at their source, or set date_format',
        },
        'missing_amount': {
            'input': 'transactions', 'kind': 'rejected',
            'label': 'No amount',
            'meaning': 'there is no amount (or, without amounts, no unit price or no quantity)',
            'remedy': 'map amount to the total of the line, or unit_price and quantity',
        },
        'unparsable_amount': {
            'input': 'transactions', 'kind': 'rejected',
            'label': 'An amount that cannot be read',
            'meaning': 'the amount cannot be read, or has more than 16 digits before the decimal mark',
            'remedy': 'set decimal_mark to the one that the amounts have',
        },
        'unparsable_quantity': {
            'input': 'transactions', 'kind': 'rejected',
            'label': 'A quantity that cannot be read',
            'meaning': 'there is a quantity, but it cannot be read',
            'remedy': 'set decimal_mark, or leave quantity out of transactions_columns',
        },
        'missing_currency': {
            'input': 'transactions', 'kind': 'rejected',
            'label': 'No currency',
            'meaning': 'a currency column is mapped, but the row has no currency',
            'remedy': 'fill the currency at its source, or leave it out of transactions_columns',
        },
        'after_as_of_date': {
            'input': 'both', 'kind': 'excluded',
            'label': 'After the day the report is for',
            'meaning': 'the setting as_of_date is set and the date is after it (for a customer: the day from which the'
                ~ ' tenure counts, see tenure_from)',
            'remedy': none,
        },
        'unknown_customer_id': {
            'input': 'transactions', 'kind': 'rejected',
            'label': 'A customer who is not in the customer list',
            'meaning': 'no valid row of the customers input has this id',
            'remedy': 'complete the customers input, set ids_are_whole_numbers where one input writes 17850.0 for'
                ~ ' 17850, or leave customers_location unset to take the customers from the transactions',
        },
        'before_observation_window': {
            'input': 'transactions', 'kind': 'excluded',
            'label': 'Before the days that the report looks at',
            'meaning': 'the setting observation_window_days is set and the date is before that window, which ends with'
                ~ ' the as-of date',
            'remedy': none,
        },
        'duplicate_key': {
            'input': 'transactions', 'kind': 'rejected',
            'label': 'The same row again',
            'meaning': 'the setting unique_key is set and another valid row with the same key is kept',
            'remedy': 'correct unique_key: it does not tell these rows apart',
        },
        'unparsable_signup_date': {
            'input': 'customers', 'kind': 'rejected',
            'label': 'A signup date that cannot be read',
            'meaning': 'there is a signup date, but it cannot be read',
            'remedy': 'set date_format (day_first or month_first) to how the dates are written, or write them as'
            ~ ' 2024-12-31 if they are neither',
        },
        'signup_in_future': {
            'input': 'customers', 'kind': 'rejected',
            'label': 'A signup in the future',
            'meaning': 'the signup is after the day of the run',
            'remedy': 'correct the dates at their source, or set date_format',
        },
        'signup_implausible': {
            'input': 'customers', 'kind': 'rejected',
            'label': 'A signup that is too long ago',
            'meaning': 'the signup is before the setting earliest_signup_date',
            'remedy': 'correct the dates at their source, or lower earliest_signup_date',
        },
        'duplicate_customer_id': {
            'input': 'customers', 'kind': 'rejected',
            'label': 'The same customer again',
            'meaning': 'another valid row with the same id is kept',
            'remedy': 'map customer_id to a column that is unique in the customers input',
        },
        'suppression_without_customer_id': {
            'input': 'suppressions', 'kind': 'rejected',
            'label': 'No customer id',
            'meaning': 'there is no customer id',
            'remedy': 'map customer_id to the column that names the customer, or complete the row',
        },
        'suppression_of_unknown_customer': {
            'input': 'suppressions', 'kind': 'rejected',
            'label': 'A customer whom the shop does not know',
            'meaning': 'no valid row of the customers input has this id, however it is written, so no action can reach'
                ~ ' the customer',
            'remedy': 'none is needed for people who are not customers; otherwise correct the id',
        },
        'suppression_ended': {
            'input': 'suppressions', 'kind': 'excluded',
            'label': 'Ended before the day the report is for',
            'meaning': 'the last day (until) is before the as-of date',
            'remedy': none,
        },
        'return': {
            'input': 'transactions', 'kind': 'flagged',
            'label': 'Returns',
            'meaning': 'its amount is negative, or return_flag or return_id_prefix marks it as a return',
            'remedy': none,
        },
        'zero_amount': {
            'input': 'transactions', 'kind': 'flagged',
            'label': 'Amounts of zero',
            'meaning': 'the amount is 0: a gift, a voucher, or an error',
            'remedy': none,
        },
        'rounded_amount': {
            'input': 'transactions', 'kind': 'flagged',
            'label': 'Amounts with more than two decimals, rounded',
            'meaning': 'the amount had more than two decimal places, not counting trailing zeros',
            'remedy': none,
        },
        'missing_quantity': {
            'input': 'transactions', 'kind': 'flagged',
            'label': 'No quantity, taken for 0',
            'meaning': 'a quantity column is mapped, but the row has no quantity; it counts as 0',
            'remedy': none,
        },
        'before_signup': {
            'input': 'transactions', 'kind': 'flagged',
            'label': "Before the customer's signup",
            'meaning': "the transaction date is before the customer's signup date; the setting tenure_from says which"
                ~ ' of the two days the tenure counts from',
            'remedy': none,
        },
        'identical_line': {
            'input': 'transactions', 'kind': 'flagged',
            'label': 'Repeats another line; counted',
            'meaning': 'another row of the file or table is the same in every column, mapped or not; the first such row'
                ~ ' is not counted',
            'remedy': none,
        },
        'missing_signup_date': {
            'input': 'customers', 'kind': 'flagged',
            'label': 'No signup date; the first purchase stands in',
            'meaning': 'there is no signup date; the first purchase stands in',
            'remedy': none,
        },
        'no_purchase': {
            'input': 'customers', 'kind': 'flagged',
            'label': 'No purchase',
            'meaning': 'the customer has no valid purchase, not even one before the observation window, and is in the'
                ~ ' segment No Purchases or Returns Only',
            'remedy': none,
        },
        'nothing_spent_net': {
            'input': 'customers', 'kind': 'flagged',
            'label': 'Returned as much as they bought, or more',
            'meaning': 'the customer has a purchase, but total spending is 0 or negative; log1p treats it as 0',
            'remedy': none,
        },
        'customer_id_written_otherwise': {
            'input': 'suppressions', 'kind': 'flagged',
            'label': 'A customer id that is written otherwise; suppressed all the same',
            'meaning': 'no customer has this id as it is written, but at least one has it in other case, with or'
                ~ ' without leading zeros or a trailing .0; every such customer is suppressed',
            'remedy': 'write the ids as the customers input does, or set ids_are_whole_numbers where one input writes'
                ~ ' 17850.0 for 17850',
        },
        'unparsable_until': {
            'input': 'suppressions', 'kind': 'flagged',
            'label': 'A last day that cannot be read; suppressed without an end',
            'meaning': 'there is a last day (until), but it cannot be read; the suppression has no end',
            'remedy': none,
        },
        'unknown_action_id': {
            'input': 'suppressions', 'kind': 'flagged',
            'label': 'An action that the playbook does not have; suppressed for all',
            'meaning': 'the playbook has no action with this action_id; the suppression counts for every action',
            'remedy': none,
        },
    }) %}
{% endmacro %}


{% macro catalogued_rule(name) %}
    {#- The catalogue's entry for a rule. An unknown name stops the run. -#}
    {%- set entry = rule_catalogue().get(name) -%}
    {%- if entry -%}{%- do return(entry) -%}{%- endif -%}
    {%- do exceptions.raise_compiler_error(
        "The rule '" ~ name ~ "' is not in the catalogue; add its entry to macros/catalogue/rules.sql."
    ) -%}
{% endmacro %}


{% macro rule_catalogue_rows() %}
    {#- The catalogue as rows for a table. -#}
    {%- set rows = [] -%}
    {%- for rule, entry in rule_catalogue().items() -%}
        {%- do rows.append({'rule_order': loop.index, 'rule': rule}) -%}
        {%- do rows[-1].update(entry) -%}
    {%- endfor -%}
    {%- do return(rows) -%}
{% endmacro %}
