{#-
    What is expensive to count in the lines: purchases, whose lines may be of several days, and lines that repeat. They
    are counted again for those customers only whose lines differ from those of the build before.
-#}
{% set takes_over = target.type == 'duckdb' %}
{% set previous = earlier_version('lines_hash') if takes_over and not flags.FULL_REFRESH %}
{#- Equal rows are equal lines only as long as they are read alike, and counted alike. -#}
{% set version = version_of_typing() ~ ' ' ~ local_md5(model.raw_code)
    if execute and model.resource_type == 'model' else '' %}

{#- A condition, since DuckDB would store the lines of a CTE that several others read. -#}
{% set of_changed_customers %}
        failed_rules is null
        {%- if previous %}
        and customer_id in (
            select customers_changed.customer_id from customers_changed
        )
        {%- endif %}
{%- endset %}

with {% if takes_over -%}
-- A sum, unlike bit_xor, also tells pairs of equal lines from other such pairs.
customers_hashed as (
    select
        customer_id,
        hash({{ quote_literal(version) }}, sum(row_hash)) as lines_hash
    from {{ ref('int_transactions_checked') }}
    where failed_rules is null
    group by customer_id
),

{% endif -%}
{% if previous -%}
kept as (
    select previous.*
    from {{ previous }} as previous
    inner join customers_hashed
        on
            previous.customer_id = customers_hashed.customer_id
            and previous.lines_hash = customers_hashed.lines_hash
),

customers_changed as (
    select customer_id
    from customers_hashed
    where customer_id not in (
        select kept.customer_id from kept
    )
),

{% endif -%}
-- A purchase counts once, in the month of its first line. A line without a transaction id is a purchase of its own.
purchases as (
    select
        customer_id,
        is_return,
        min(transaction_date) as first_date,
        case when transaction_id is null then count(*) else 1 end as purchases,
        count(*) as line_count
    from {{ ref('int_transactions_checked') }}
    where {{- of_changed_customers }}
    group by
        customer_id, transaction_id, is_return,
        case when transaction_id is null then transaction_date end
),

purchases_counted as (
    select
        customer_id,
        cast(date_trunc('month', first_date) as date) as month,
        sum(case when is_return then 0 else purchases end) as transaction_count,
        max(line_count) as most_lines
    from purchases
    group by customer_id, cast(date_trunc('month', first_date) as date)
),

-- Lines repeat if the whole rows do, including columns that are not mapped, such as a product. They then belong to the
-- same purchase. Few hashes repeat, so only their lines are compared.
hashes_repeated as (
    select row_hash
    from {{ ref('int_transactions_checked') }}
    where
        {{- of_changed_customers }}
        {%- if computes_ctes_once() %}
        and customer_id in (
            select purchases_counted.customer_id from purchases_counted
            where purchases_counted.most_lines > 1
        )
        {%- endif %}
    group by row_hash
    having count(*) > 1
),

lines_grouped as (
    select
        customer_id,
        transaction_date,
        amount,
        count(*) - 1 as repetitions
    from {{ ref('int_transactions_checked') }}
    where
        {{- of_changed_customers }}
        and row_hash in (
            select hashes_repeated.row_hash from hashes_repeated
        )
    group by
        transaction_id, customer_id, transaction_date, quantity, amount, currency,
        is_return, row_hash
    having count(*) > 1
),

repetitions_counted as (
    select
        customer_id,
        cast(date_trunc('month', transaction_date) as date) as month,
        sum(repetitions) as repeated_lines,
        sum(repetitions * amount) as repeated_amount
    from lines_grouped
    group by customer_id, cast(date_trunc('month', transaction_date) as date)
),

counted as (
    select
        coalesce(purchases_counted.customer_id, repetitions_counted.customer_id)
            as customer_id,
        coalesce(purchases_counted.month, repetitions_counted.month) as month,
        cast(coalesce(purchases_counted.transaction_count, 0) as bigint)
            as transaction_count,
        cast(coalesce(repetitions_counted.repeated_lines, 0) as bigint)
            as repeated_lines,
        cast(coalesce(repetitions_counted.repeated_amount, 0) as decimal(38, 2))
            as repeated_amount
    from purchases_counted
    full outer join repetitions_counted
        on
            purchases_counted.customer_id = repetitions_counted.customer_id
            and purchases_counted.month = repetitions_counted.month
)

select
    counted.*,
    {{ 'customers_hashed.lines_hash' if takes_over else 'cast(null as bigint)' }}
        as lines_hash
from counted
{%- if takes_over %}
inner join customers_hashed
    on counted.customer_id = customers_hashed.customer_id
{%- endif %}
where counted.transaction_count > 0 or counted.repeated_lines > 0
{%- if previous %}
union all
select * from kept
{%- endif %}
