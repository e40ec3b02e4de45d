{# The features: which there are, which are clustered, and what happens to them before the fit. #}

{% macro available_features() %}
    {#- Each column of int_customer_features that can be clustered. A new feature is a column there and a name here. -#}
    {% do return([
        'total_spending', 'total_quantity', 'transaction_count', 'days_since_signup',
        'days_since_last_transaction', 'average_transaction_value',
    ]) %}
{% endmacro %}


{% macro feature_transform(feature) %}
    {% do return(setting('transforms').get(feature, 'none')) %}
{% endmacro %}


{% macro transform_feature(value, transform) -%}
    {#- A feature before its z-score. log1p takes a value below zero (more returned than bought) for zero. -#}
    {%- if transform == 'log1p' -%}
    case when {{ value }} < 0 then cast(0 as double) else ln(1 + {{ value }}) end
    {%- else -%}
    {{ value }}
    {%- endif -%}
{%- endmacro %}


{% macro winsorized(value, lower, upper) -%}
    {#- A value within its bounds; as it is where they are null. -#}
    case
        when {{ value }} < {{ lower }} then {{ lower }}
        when {{ value }} > {{ upper }} then {{ upper }}
        else cast({{ value }} as double)
    end
{%- endmacro %}
