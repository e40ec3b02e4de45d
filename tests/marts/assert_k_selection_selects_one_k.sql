-- A failure means that there are clustered customers and not exactly one k is served, or that a k is served to nobody.
with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

k_selection as (
    select * from {{ ref('k_selection') }}
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
            from k_selection
            where is_selected
        ) as selected_ks
)

select *
from counted
where selected_ks != case when clustered_customers > 0 then 1 else 0 end
