{{ config(
    enabled='customer_360' not in setting('disabled_marts'),
    pre_hook="{{ add_attributes_to_contract() }}"
) }}
{% set has_suppressions = setting('suppressions_location') is not none %}

with customer_segments as (
    select * from {{ ref('customer_segments') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

customers as (
    select * from {{ ref('int_customers_checked') }}
),

transaction_attributes as (
    select * from {{ ref('int_transaction_attributes') }}
),

{% if has_suppressions -%}
suppressed_customers as (
    select * from {{ ref('int_suppressed_customers') }}
),

{% endif -%}
attributes_pivoted as (
    select
        {%- for attribute in transaction_attribute_names() %}
        max(case when attribute = '{{ attribute }}' then value end) as {{ attribute }},
        {%- endfor %}
        customer_id
    from transaction_attributes
    group by customer_id
)

select
    ---- ids
    customer_segments.customer_id,
    customer_segments.segment_key,

    ---- strings
    customer_segments.segment_name,
    customer_segments.archetype,
    customer_segments.model_segment_name,
    customer_segments.runner_up_segment_name,
    customer_segments.reason,
    {% if has_suppressions -%}
    suppressed_customers.reason as suppression_reason,
    {%- else -%}
    cast(null as string) as suppression_reason,
    {%- endif %}

    ---- attributes
    {%- for attribute in attribute_names() %}
    customers.{{ attribute }} as {{ attribute_column(attribute) }},  -- noqa: AL09
    {%- endfor %}
    {%- for attribute in transaction_attribute_names() %}
    attributes_pivoted.{{ attribute }}
        as {{ attribute_column(attribute) }},  -- noqa: AL09
    {%- endfor %}

    ---- booleans
    customer_segments.is_overridden,
    customer_segments.is_one_time_buyer,
    customer_segments.is_quiet,

    ---- dates
    customer_features.customer_since,
    customer_features.first_purchase_date,
    customer_features.last_purchase_date,

    ---- numerics
    customer_segments.total_spending,
    customer_segments.transaction_count,
    customer_segments.average_transaction_value,
    customer_segments.days_since_last_transaction,
    customer_segments.usual_interval_days,
    customer_segments.returned_amount,
    customer_segments.margin
from customer_segments
inner join customer_features
    on customer_segments.customer_id = customer_features.customer_id
inner join customers
    on customer_segments.customer_id = customers.customer_id
left join attributes_pivoted  -- noqa: ST11
    on customer_segments.customer_id = attributes_pivoted.customer_id
{%- if has_suppressions %}
left join suppressed_customers
    on
        customer_segments.customer_id = suppressed_customers.customer_id
        and suppressed_customers.action_id is null
{%- endif %}
where customers.failed_rules is null
{{ order_customers_by(['customer_segments.customer_id']) }}
