{#- render(): an empty build (--empty) must still read all stored rows. -#}
{% set unclustered = literal_list(unclustered_segments()) %}

with build_log as (
    select * from {{ ref('int_build_log').render() }}
),

segments_unnested as (
    select
        build,
        as_of_date,
        {{ unnest_structs('segments') }}  -- noqa: AL03
    from build_log
    where is_build
),

-- As in segment_profiles, shares are those of the clustered customers.
shares_prepared as (
    select
        *,
        case when segment_key not in ({{ unclustered }}) then customers end
            as customers_clustered,
        case when segment_key not in ({{ unclustered }}) then total_spending end
            as spending_clustered
    from segments_unnested
)

select
    ---- ids
    build,
    segment_key,

    ---- strings
    segment_name,

    ---- dates
    as_of_date,

    ---- numerics
    customers,
    total_spending,
    {{ divide('total_spending', 'customers') }} as avg_total_spending,
    {{ divide(
        'customers_clustered', 'sum(customers_clustered) over (partition by build)'
    ) }} as customer_share,
    {{ ratio(
        'spending_clustered', 'sum(spending_clustered) over (partition by build)'
    ) }} as spending_share
from shares_prepared
order by build, segment_key
