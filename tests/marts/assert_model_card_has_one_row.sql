-- A failure means that there are clustered customers and not exactly one card, or a card where nothing was clustered.
with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

model_card as (
    select * from {{ ref('model_card') }}
),

counted as (
    select
        (
            select count(*)
            from customer_features
            where is_clustered
        ) as clustered_customers,
        (
            select count(*)
            from model_card
        ) as cards,
        (
            select coalesce(sum(customers_clustered), 0)
            from model_card
        ) as customers_on_card
)

select *
from counted
where
    cards != case when clustered_customers > 0 then 1 else 0 end
    or customers_on_card != clustered_customers
