{#
    The features. To add one, add its column to models/features/int_customer_features.sql and its entry here; nothing
    else has to change. docs/change.md shows an example. The mart feature_catalogue exposes the catalogue.
#}

{% macro feature_catalogue() %}
    {#- One entry per feature, keyed by its name, in the order in which lists show the features. label: its name in the
        report. unit: money, number or days. transform: its transform before the z-score, none or log1p. more, less:
        what a high and a low value mean. more_than, less_than: how a customer compares with others. phrase: how a
        phrase compares a value with the average, as a ratio ("spends 3.3x the average") or as two values ("10 orders
        against 4.2"), with the words before the value, and the words after a value of 1 and after any other value. -#}
    {% do return({
        'total_spending': {
            'label': 'Spending', 'unit': 'money', 'transform': 'log1p',
            'more': 'more spending', 'less': 'less spending',
            'more_than': 'spends more than', 'less_than': 'spends less than',
            'phrase': {'compares': 'ratio', 'before': 'spends ', 'one': '', 'many': ''},
        },
        'total_quantity': {
            'label': 'Quantity', 'unit': 'number', 'transform': 'log1p',
            'more': 'more items', 'less': 'fewer items',
            'more_than': 'has bought more items than', 'less_than': 'has bought fewer items than',
            'phrase': {'compares': 'values', 'before': '', 'one': ' item', 'many': ' items'},
        },
        'transaction_count': {
            'label': 'Purchases', 'unit': 'number', 'transform': 'log1p',
            'more': 'more purchases', 'less': 'fewer purchases',
            'more_than': 'has made more purchases than', 'less_than': 'has made fewer purchases than',
            'phrase': {'compares': 'values', 'before': '', 'one': ' order', 'many': ' orders'},
        },
        'days_since_signup': {
            'label': 'Days since signup', 'unit': 'days', 'transform': 'none',
            'more': 'longer-standing', 'less': 'newer',
            'more_than': 'has been a customer for longer than', 'less_than': 'became a customer more recently than',
            'phrase': {'compares': 'values', 'before': 'joined ', 'one': ' day ago', 'many': ' days ago'},
        },
        'days_since_last_transaction': {
            'label': 'Days since last purchase', 'unit': 'days', 'transform': 'log1p',
            'more': 'longer since the last purchase', 'less': 'bought more recently',
            'more_than': 'last bought longer ago than', 'less_than': 'last bought more recently than',
            'phrase': {'compares': 'values', 'before': 'last bought ', 'one': ' day ago', 'many': ' days ago'},
        },
        'average_transaction_value': {
            'label': 'Value of a purchase', 'unit': 'money', 'transform': 'log1p',
            'more': 'larger purchases', 'less': 'smaller purchases',
            'more_than': 'spends more per purchase than', 'less_than': 'spends less per purchase than',
            'phrase': {'compares': 'values', 'before': 'spends ', 'one': ' an order', 'many': ' an order'},
        },
    }) %}
{% endmacro %}


{% macro tenure_label() %}
    {#- What days_since_signup counts from, which depends on the input and on the setting tenure_from. -#}
    {%- set rule = setting('tenure_from') if has_signups() else 'first_purchase' -%}
    {%- do return({
        'signup': 'Days since signup', 'first_purchase': 'Days since first purchase', 'earliest': 'Days since joining'
    }[rule]) -%}
{% endmacro %}


{% macro available_features() %}
    {#- The names of the features in the catalogue. -#}
    {% do return(feature_catalogue().keys() | list) %}
{% endmacro %}


{% macro clusterable_features() %}
    {#- The features of the catalogue, whichever are clustered now, because an older model may have been trained on any
        of them; and the attributes that the setting `features` lists. -#}
    {%- do return(
        available_features() + attribute_names() | select('in', setting('features')) | list
    ) -%}
{% endmacro %}


{% macro catalogued_feature(feature) %}
    {#- The catalogue's entry for a feature. For a clustered attribute, the entry is derived from its name. -#}
    {%- set entry = feature_catalogue().get(feature) -%}
    {%- if entry -%}{%- do return(entry) -%}{%- endif -%}
    {%- set label = feature | replace('_', ' ') | trim | capitalize -%}
    {%- do return({
        'label': label, 'unit': 'number', 'transform': 'none',
        'more': 'higher ' ~ label | lower, 'less': 'lower ' ~ label | lower,
        'more_than': 'has a higher ' ~ label | lower ~ ' than', 'less_than': 'has a lower ' ~ label | lower ~ ' than',
        'phrase': {'compares': 'values', 'before': feature ~ ' ', 'one': '', 'many': ''},
    }) -%}
{% endmacro %}


{% macro feature_catalogue_rows() %}
    {#- The catalogue as rows for a table, with each feature's position and transform under the settings. -#}
    {%- set rows, clustered = [], setting('features') -%}
    {%- for feature in clusterable_features() -%}
        {%- set entry = catalogued_feature(feature) -%}
        {%- set label = tenure_label() if feature == 'days_since_signup' else entry.label -%}
        {%- do rows.append({
            'feature_order': clustered.index(feature) + 1 if feature in clustered else none,
            'feature': feature, 'label': label, 'unit': entry.unit, 'more': entry.more, 'less': entry.less,
            'more_than': entry.more_than, 'less_than': entry.less_than,
            'transform': feature_transform(feature), 'phrase_compares': entry.phrase.compares,
            'phrase_before': entry.phrase.before, 'phrase_one': entry.phrase.one, 'phrase_many': entry.phrase.many,
        }) -%}
    {%- endfor -%}
    {%- do return(rows) -%}
{% endmacro %}


{% macro feature_transform(feature) %}
    {#- A feature's transform before its z-score: from the setting `transforms`, or else from the catalogue. -#}
    {% do return(setting('transforms').get(feature, catalogued_feature(feature).transform)) %}
{% endmacro %}


{% macro transform_feature(value, transform) -%}
    {#- A feature with its transform applied. log1p treats a value below zero (more returned than bought) as zero. -#}
    {%- if transform == 'log1p' -%}
    case when {{ value }} < 0 then cast(0 as double) else ln(1 + {{ value }}) end
    {%- else -%}
    {{ value }}
    {%- endif -%}
{%- endmacro %}


{% macro winsorized(value, lower, upper) -%}
    {#- A value as a number, also a truth value, capped at its bounds; a bound that is null does not cap. -#}
    {%- set number = 'cast(' ~ value ~ ' as double)' -%}
    case
        when {{ number }} < {{ lower }} then {{ lower }}
        when {{ number }} > {{ upper }} then {{ upper }}
        else {{ number }}
    end
{%- endmacro %}
