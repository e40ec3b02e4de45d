-- A failure means that there are clustered customers and not exactly one card, or that the card of a model that was
-- just trained does not count the customers it was trained with.
with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

model_card as (
    select * from {{ ref('model_card') }}
),

trained_model as (
    select * from {{ ref('int_trained_model') }}
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
            where model_id in (select trained_model.model_id from trained_model)
        ) as customers_on_card,
        (
            select coalesce(sum(cluster_size), 0)
            from trained_model
            where model_id in (select model_card.model_id from model_card)
        ) as customers_trained_with
)

select *
from counted
where
    cards > 1
    or (clustered_customers > 0 and cards = 0)
    or customers_on_card != customers_trained_with
