{% set as_of_date = setting('as_of_date') %}
{% set unique_key = setting('unique_key') %}
{% set window = setting('observation_window_days') %}
{#- A view reads the typed lines and the few unknown customers faster than a table is written. -#}
{{ config(
    materialized='table' if target.type != 'duckdb' or unique_key or window is not none
    else 'view'
) }}
{% set line_columns = [
    'input_row', 'row_hash', 'input_file', 'transaction_id', 'customer_id', 'transaction_date', 'quantity', 'amount',
    'currency', 'is_return', 'is_amount_rounded',
] %}
{%- for attribute in transaction_attribute_names() %}{% do line_columns.append('attribute_' ~ attribute) %}{% endfor %}
{% set judged = 'duplicates_found' if unique_key else 'customers_joined' %}

with transactions as (
    {{ numbered_as_stored(ref('stg_shop__transactions')) }}
),

unknown_customers as (
    select * from {{ ref('int_unknown_customers') }}
),

customers_joined as (
    select
        {%- for column in line_columns %}
        transactions.{{ column }},
        {%- endfor %}
        {%- if 'line_id' in unique_key %}
        transactions.line_id,
        {%- endif %}
        -- Most lines break no rule, and their rules need not be put together.
        case
            when
                transactions.failed_rules is null
                and unknown_customers.customer_id is null
                {%- if as_of_date is not none %}
                and transactions.transaction_date <= cast('{{ as_of_date }}' as date)
                {%- endif %}
                then null
            else nullif(
                concat_ws(
                    ', ',
                    transactions.failed_rules,
                    {%- if as_of_date is not none %}
                    -- As of the as-of date, nobody knows later purchases yet, nor those who made no others.
                    case
                        when
                            transactions.transaction_date
                            > cast('{{ as_of_date }}' as date)
                            then 'after_as_of_date'
                    end,
                    {%- endif %}
                    case
                        when
                            unknown_customers.customer_id is not null
                            {%- if as_of_date is not none %}
                            and coalesce(
                                transactions.transaction_date
                                <= cast('{{ as_of_date }}' as date),
                                true
                            )
                            {%- endif %}
                            then 'unknown_customer_id'
                    end
                ),
                ''
            )
        end as failed_rules
    from transactions
    left join unknown_customers
        on transactions.customer_id = unknown_customers.customer_id
)
{%- if unique_key %},

-- Of several otherwise valid rows with the same key, one is kept. Their content decides which, not their order, so that
-- the same rows in another order give the same result.
ranked as (
    select
        *,
        row_number() over (
            partition by
                failed_rules is null,
                {{ unique_key | join(',\n                ') }}
            order by
                transaction_date nulls last,
                amount nulls last,
                quantity nulls last,
                transaction_id nulls last,
                customer_id nulls last,
                currency nulls last,
                is_return,
                {%- for attribute in transaction_attribute_names() %}
                attribute_{{ attribute }} nulls last,
                {%- endfor %}
                input_row
        ) as position_of_key
    from customers_joined
),

-- Before the window is applied, since lines before it are read too: as earlier purchases, and for results of actions.
duplicates_found as (
    select
        {%- for column in line_columns %}
        {{ column }},
        {%- endfor %}
        case
            when failed_rules is not null then failed_rules
            when
                position_of_key > 1
                {%- for column in unique_key %}
                and {{ column }} is not null
                {%- endfor %}
                then 'duplicate_key'
        end as failed_rules
    from ranked
)
{%- endif %}
{%- if window is not none %},

-- The window ends on the as-of date. A customer who bought only before the window remains, without purchases.
window_ended as (
    {% if as_of_date is not none -%}
    select cast('{{ as_of_date }}' as date) as as_of_date
    {% else -%}
    select max(transaction_date) as as_of_date
    from {{ judged }}
    where failed_rules is null
    {% endif -%}
)

select
    {%- for column in line_columns %}
    {{ judged }}.{{ column }},
    {%- endfor %}
    case
        when
            coalesce({{ judged }}.failed_rules, '') in ('', 'duplicate_key')
            and {{ dbt.datediff(
                judged ~ '.transaction_date', 'window_ended.as_of_date', 'day'
            ) }} >= {{ window }}
            then concat_ws(
                ', ', 'before_observation_window', {{ judged }}.failed_rules
            )
        else {{ judged }}.failed_rules
    end as failed_rules
from {{ judged }}
cross join window_ended
{%- else %}

select * from {{ judged }}
{%- endif %}
