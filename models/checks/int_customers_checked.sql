{% set as_of_date = setting('as_of_date') %}

with customers as (
    select * from {{ ref('stg_shop__customers') }}
),

{% if as_of_date is not none %}
transactions as (
    select * from {{ ref('stg_shop__transactions') }}
),

first_seen as (
    select
        customer_id,
        min(transaction_date) as first_seen_date
    from transactions
    where failed_rules is null
    group by customer_id
),

{% endif -%}
-- Of several otherwise valid rows with the same id, the one with the earliest signup date is kept; rows without one
-- come last. Ties are broken by the attributes first, so that the order of the rows matters only for equal rows.
ranked as (
    select
        *,
        row_number() over (
            partition by customer_id, failed_rules is null
            order by
                signup_date nulls last,
                {%- for attribute in attribute_names() %}
                {{ attribute }} nulls last,
                {%- endfor %}
                input_row
        ) as position_of_id
    from customers
)

select
    ranked.input_row,
    ranked.customer_id,
    ranked.signup_date,
    {%- for attribute in attribute_names() %}
    ranked.{{ attribute }},
    {%- endfor %}
    case
        when ranked.failed_rules is not null then ranked.failed_rules
        when ranked.position_of_id > 1 then 'duplicate_customer_id'
        {% if as_of_date is not none %}
        -- As of the as-of date, later customers are not known yet.
        when
            {{ customer_since('ranked.signup_date', 'first_seen.first_seen_date') }}
            > cast('{{ as_of_date }}' as date)
            then 'after_as_of_date'
        {% endif %}
    end as failed_rules
from ranked
{% if as_of_date is not none %}
left join first_seen
    on ranked.customer_id = first_seen.customer_id
{% endif %}
