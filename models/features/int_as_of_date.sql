{% set as_of_date = setting('as_of_date') %}

with transactions as (
    select * from {{ ref('int_transactions_checked') }}
)

select
    {% if as_of_date is not none -%}
    cast('{{ as_of_date }}' as date) as as_of_date,
    {% else -%}
    max(transaction_date) as as_of_date,
    {% endif -%}
    max(transaction_date) as latest_transaction_date,
    count(*) as transactions_used,
    sum(amount) as amount_used
from transactions
where failed_rules is null
