with segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

segments_summarised as (
    select * from {{ ref('int_segments_summarised') }}
),

expected_spending as (
    select * from {{ ref('int_expected_spending') }}
),

-- Customers without a purchase have no rhythm.
audiences_counted as (
    select
        cluster_id,
        segment_key,
        segment_name,
        'everyone' as audience,
        cluster_size as customers
    from segment_profiles
    union all
    select
        segment_profiles.cluster_id,
        segment_profiles.segment_key,
        segment_profiles.segment_name,
        'active' as audience,
        segment_profiles.cluster_size - segments_summarised.quiet_customers
            as customers
    from segment_profiles
    inner join segments_summarised
        on segment_profiles.cluster_id = segments_summarised.cluster_id
    union all
    select
        segment_profiles.cluster_id,
        segment_profiles.segment_key,
        segment_profiles.segment_name,
        'quiet' as audience,
        segments_summarised.quiet_customers as customers
    from segment_profiles
    inner join segments_summarised
        on segment_profiles.cluster_id = segments_summarised.cluster_id
)

select
    ---- ids
    audiences_counted.cluster_id,
    audiences_counted.segment_key,

    ---- strings
    audiences_counted.segment_name,
    audiences_counted.audience,
    case
        when expected_spending.segment_key is null
            then {% if setting('value_sample_size') == 0 -%}
            'not measured: the setting value_sample_size is 0'
            {%- else -%}
            'not measured: nobody like this is in the sample'
            {%- endif %}
        else expected_spending.reason
    end as reason,

    ---- numerics
    cast(audiences_counted.customers as bigint) as customers,
    expected_spending.bought_share as bought_again_share,
    {%- for column, source in {
        'expected_spending': 'spending',
        'expected_spending_low': 'spending_low',
        'expected_spending_high': 'spending_high',
        'model_spending': 'model_spending',
    }.items() %}
    cast(
        expected_spending.{{ source }} * audiences_counted.customers as decimal(38, 2)
    ) as {{ column }},
    {%- endfor %}
    cast({{ setting('value_horizon_days') }} as integer) as horizon_days,
    coalesce(expected_spending.customers_measured, 0) as customers_measured,
    cast(coalesce(expected_spending.origins, 0) as integer) as origins
from audiences_counted
left join expected_spending
    on
        audiences_counted.segment_key = expected_spending.segment_key
        and audiences_counted.audience = expected_spending.audience
where audiences_counted.customers > 0
order by
    audiences_counted.cluster_id nulls last,
    audiences_counted.segment_key,
    audiences_counted.audience
