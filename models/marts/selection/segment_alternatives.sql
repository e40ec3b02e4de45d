{{ config(enabled='segment_alternatives' not in setting('disabled_marts')) }}
with alternative_segments as (
    select * from {{ ref('int_alternative_segments') }}
)

select
    ---- ids
    k,
    cluster_id,

    ---- strings
    segment_name,
    archetype,
    validity,

    ---- booleans
    is_selected,

    ---- numerics
    customers,
    customer_share,
    spending_share,
    avg_total_spending,
    avg_quantity,
    avg_transactions,
    avg_days_since_signup,
    one_time_share,
    quiet_share,
    returned_share
from alternative_segments
order by k, cluster_id
