{# The features: which there are, which are clustered, and what happens to them before the fit. #}

{% macro available_features() %}
    {#- Every column of int_customer_features that can be clustered. A new feature is a column there and a name here. -#}
    {% do return([
        'total_spending', 'total_quantity', 'transaction_count', 'days_since_signup',
        'days_since_last_transaction', 'average_transaction_value',
    ]) %}
{% endmacro %}


{% macro feature_transform(feature) %}
    {% do return(setting('transforms').get(feature, 'none')) %}
{% endmacro %}


{% macro transformed(feature, transform=none) -%}
    {#- A feature before its z-score. log1p takes a value below zero (more returned than bought) for zero. -#}
    {%- if (transform or feature_transform(feature)) == 'log1p' -%}
    ln(1 + greatest(cast({{ feature }} as double), 0))
    {%- else -%}
    cast({{ feature }} as double)
    {%- endif -%}
{%- endmacro %}


{% macro squared_distance(features, left, right) -%}
    {%- for feature in features -%}
    ({{ left }}.{{ feature }} - {{ right }}.{{ feature }}) * ({{ left }}.{{ feature }} - {{ right }}.{{ feature }})
    {%- if not loop.last %} + {% endif -%}
    {%- endfor -%}
{%- endmacro %}
