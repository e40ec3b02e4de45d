-- A failure means that there are clustered customers but not exactly one selected k, or a selected k but no customers.
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
