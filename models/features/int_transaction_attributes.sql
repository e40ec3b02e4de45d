{#- One value of each attribute per customer: that of most lines, or that of the latest line. -#}
{% set attributes = setting('transaction_attributes') %}

-- Without such attributes, nothing is read.
with transactions as (  -- noqa: ST03
    select * from {{ ref('int_transactions_checked') }}
),

values_united as (
    {%- for attribute in attributes %}
    select
        customer_id,
        transaction_date,
        '{{ attribute }}' as attribute,
        attribute_{{ attribute }} as value
    from transactions
    where failed_rules is null
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
