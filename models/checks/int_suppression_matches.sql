{{ config(enabled=setting('suppressions_location') is not none) }}

with suppressions as (
    select * from {{ ref('stg_shop__suppressions') }}
),

customers as (
    select * from {{ ref('int_customers_checked') }}
),

known_customers as (
    select customer_id
    from customers
    where failed_rules is null
),

looked_up as (
    select
        suppressions.input_row,
        suppressions.customer_id as written_id,
        known_customers.customer_id
    from suppressions
    left join known_customers
        on suppressions.customer_id = known_customers.customer_id
    where suppressions.customer_id is not null
),

-- Few, if any. Only these are compared with every customer once more.
unknown_ids as (
    select
        input_row,
        {{ comparable_id('written_id') }} as comparable_id
    from looked_up
    where customer_id is null
)

-- In doubt a customer is suppressed: an unknown id stands for all whose ids are the same but for how they are written.
select
    input_row,
    customer_id,
    false as is_written_otherwise
from looked_up
where customer_id is not null
union all
select
    unknown_ids.input_row,
    known_customers.customer_id,
    true as is_written_otherwise
from known_customers
inner join unknown_ids
    on
        {{ comparable_id('known_customers.customer_id') }}
        = unknown_ids.comparable_id
