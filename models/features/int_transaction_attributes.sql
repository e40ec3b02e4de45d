{#- One value of each attribute per customer: that of most lines, or that of the latest line. -#}
{% set attributes = setting('transaction_attributes') %}

-- Without such attributes, nothing is read.
with transactions as (  -- noqa: ST03
    select * from {{ ref('int_transactions_checked') }}
),

input_rows as (  -- noqa: ST03
    select * from {{ ref('base_shop__transactions') }}
),

values_united as (
    {%- for attribute in attributes %}
    select
        transactions.customer_id,
        transactions.transaction_date,
        '{{ attribute }}' as attribute,
        {{ clean_text('input_rows.' ~ attribute) }} as value
    from transactions
    inner join input_rows
        on transactions.input_row = input_rows.input_row
    where transactions.failed_rules is null
    union all
    {%- endfor %}
    select
        cast(null as string) as customer_id,
        cast(null as date) as transaction_date,
        cast(null as string) as attribute,
        cast(null as string) as value
    where false
),

values_counted as (
    select
        customer_id,
        attribute,
        value,
        count(*) as line_count,
        max(transaction_date) as latest_date
    from values_united
    where value is not null
    group by customer_id, attribute, value
),

-- On a tie, the value that comes first in the alphabet.
values_ranked as (
    select
        customer_id,
        attribute,
        value,
        row_number() over (
            partition by customer_id, attribute
            order by line_count desc, value asc
        ) as rank_by_lines,
        row_number() over (
            partition by customer_id, attribute
            order by latest_date desc, line_count desc, value asc
        ) as rank_by_date
    from values_counted
)

select
    customer_id,
    attribute,
    value
from values_ranked
where
    {%- for attribute, rule in attributes.items() %}
    (
        attribute = '{{ attribute }}'
        and {{ 'rank_by_date' if rule == 'latest' else 'rank_by_lines' }} = 1
    )
    or
    {%- endfor %}
    false
