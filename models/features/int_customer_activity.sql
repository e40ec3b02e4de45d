{#- Whether a customer buys at the usual rhythm or has gone quiet. -#}
with customer_features as (
    select * from {{ ref('int_customer_features') }}
    where is_clustered
),

own_intervals as (
    select
        {{ divide('purchase_span_days', 'transaction_count - 1') }}
            as own_interval_days
    from customer_features
    where purchase_span_days > 0
),

medians as (
    {{- quantiles('own_intervals', ['own_interval_days'], [0.5]) }}
),

-- One row, of a null if nobody bought on more than one day.
typical as (
    select max(quantile) as typical_interval_days
    from medians
),

-- A customer with few purchases shows little of a rhythm. One interval of typical length is therefore added to the own
-- ones: a customer with one purchase has the typical interval, and a customer with many has nearly the own average.
intervals as (
    select
        customer_features.customer_id,
        customer_features.transaction_count = 1
        and not customer_features.has_earlier_purchase as is_one_time_buyer,
        customer_features.days_since_last_transaction,
        typical.typical_interval_days,
        {{ usual_interval_days('customer_features') }} as usual_interval_days
    from customer_features
    cross join typical
)

select
    ---- ids
    customer_id,

    ---- booleans
    is_one_time_buyer,
    coalesce(
        days_since_last_transaction
        > {{ setting('quiet_after_intervals') }} * usual_interval_days,
        false
    ) as is_quiet,

    ---- numerics
    usual_interval_days,
    typical_interval_days
from intervals
