{% set window = setting('observation_window_days') %}
{% set first_counted = 'first_' ~ ('purchase' if window is none else 'in_window') ~ '_date' %}
{% set first_seen = 'transactions_aggregated' if window is none else 'first_purchases' %}

with customers as (
    select * from {{ ref('int_customers_checked') }}
),

transactions as (
    select * from {{ ref('int_transactions_checked') }}
),

customer_months as (
    select * from {{ ref('int_customer_months') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

-- Returns reduce spending and quantity and are not purchases.
transactions_aggregated as (
    select
        customer_id,
        cast(sum(amount) as decimal(38, 2)) as total_spending,
        cast(sum(quantity) as decimal(38, 3)) as total_quantity,
        cast(sum(case when is_return then -amount end) as decimal(38, 2))
            as returned_amount,
        min(case when not is_return then transaction_date end)
            as {{ first_counted }},
        max(case when not is_return then transaction_date end) as last_purchase_date
    from transactions
    where failed_rules is null
    group by customer_id
),

purchases_counted as (
    select
        customer_id,
        cast(sum(transaction_count) as bigint) as transaction_count
    from customer_months
    group by customer_id
),

{% if window is not none -%}
-- Purchases before the window still determine the date of the first purchase.
first_purchases as (
    select
        customer_id,
        min(transaction_date) as first_purchase_date
    from transactions
    where
        coalesce(failed_rules, '') in ('', 'before_observation_window')
        and not is_return
    group by customer_id
),

{% endif -%}
customers_joined as (
    select
        customers.customer_id,
        {{ customer_since(
            'customers.signup_date', first_seen ~ '.first_purchase_date'
        ) }} as customer_since,
        {{ first_seen }}.first_purchase_date,
        transactions_aggregated.{{ first_counted }} as first_counted_date,
        transactions_aggregated.last_purchase_date,
        {{ dbt.datediff(
            'transactions_aggregated.' ~ first_counted,
            'transactions_aggregated.last_purchase_date',
            'day'
        ) }} as purchase_span_days,
        coalesce(transactions_aggregated.total_spending, cast(0 as decimal(38, 2)))
            as total_spending,
        {% if input_mapping('transactions').get('quantity') -%}
        coalesce(transactions_aggregated.total_quantity, cast(0 as decimal(38, 3)))
            as total_quantity,
        {% else -%}
        cast(null as decimal(38, 3)) as total_quantity,
        {% endif -%}
        coalesce(purchases_counted.transaction_count, 0) as transaction_count,
        coalesce(transactions_aggregated.returned_amount, cast(0 as decimal(38, 2)))
            as returned_amount,
        {%- for attribute in attribute_names() if attribute in setting('features') %}
        {{ parse_double('customers.' ~ attribute) }} as {{ attribute }},
        {%- endfor %}
        as_of.as_of_date
    from customers
    left join transactions_aggregated
        on customers.customer_id = transactions_aggregated.customer_id
    left join purchases_counted
        on customers.customer_id = purchases_counted.customer_id
    {%- if window is not none %}
    left join first_purchases
        on customers.customer_id = first_purchases.customer_id
    {%- endif %}
    cross join as_of
    where customers.failed_rules is null
)

select
    ---- ids
    customer_id,

    ---- booleans
    transaction_count > 0 as is_clustered,
    first_purchase_date is not null
    and coalesce(first_purchase_date < first_counted_date, true)
        as has_earlier_purchase,

    ---- features
    total_spending,
    total_quantity,
    transaction_count,
    -- A day after the as-of date counts as 0 days.
    cast(
        case
            when customer_since > as_of_date then 0
            else {{ dbt.datediff('customer_since', 'as_of_date', 'day') }}
        end as bigint
    ) as days_since_signup,
    cast(
        {{ dbt.datediff('last_purchase_date', 'as_of_date', 'day') }} as bigint
    ) as days_since_last_transaction,
    {{ divide('total_spending', 'transaction_count') }} as average_transaction_value,
    {%- for attribute in attribute_names() if attribute in setting('features') %}
    case
        when {{ attribute }} is not null or transaction_count = 0 then {{ attribute }}
        else cast({{ raise_error(
            "concat('Setting ''features'' names the attribute " ~ attribute ~ ", but"
            ~ " customer ', customer_id, ', who has a purchase, has no number in it."
            ~ " Complete the column in the input of the customers, or remove "
            ~ attribute ~ " from features.')"
        ) }} as double)
    end as {{ attribute }},
    {%- endfor %}

    ---- numerics
    returned_amount,
    cast(purchase_span_days as bigint) as purchase_span_days,

    ---- dates
    customer_since,
    first_purchase_date,
    last_purchase_date
from customers_joined
