{%- set features = clusterable_features() %}
with alternative_sums as (
    select * from {{ ref('int_alternative_sums') }}
),

serving_verdicts as (
    select * from {{ ref('int_serving_verdicts') }}
),

averaged as (
    select
        alternative,
        k,
        cluster,
        customers,
        {{ divide('total_spending', 'customers') }} as avg_total_spending,
        {%- for feature in features %}
        {{ divide(feature ~ '_sum', 'customers') }} as {{ feature }},
        {%- endfor %}
        {{ divide('customers', 'sum(customers) over (partition by k)') }}
            as customer_share,
        {{ ratio('total_spending', 'sum(total_spending) over (partition by k)') }}
            as spending_share,
        {{ divide('below_average', 'customers') }} as below_average_share,
        {{ divide('one_time_buyers', 'customers') }} as one_time_share,
        {{ divide('quiet_customers', 'customers_with_a_rhythm') }} as quiet_share,
        {{ ratio('returned_amount', 'total_spending + returned_amount') }}
            as returned_share,
        {{ divide('returners', 'customers') }} as returners_share
    from alternative_sums
)

select
    averaged.*,
    rank() over (
        partition by averaged.k order by averaged.avg_total_spending desc
    ) as spending_rank,
    rank() over (
        partition by averaged.k order by averaged.transaction_count desc
    ) as purchases_rank,
    averaged.k as segments,
    serving_verdicts.validity,
    case when serving_verdicts.validity = 'natural groups' then 1 else 0 end
        as natural_groups,
    {{ 1 if has_signups() else 0 }} as has_signups,
    cast(
        row_number() over (
            partition by averaged.k
            order by averaged.avg_total_spending, averaged.cluster
        ) - 1 as integer
    ) as cluster_id
from averaged
left join serving_verdicts
    on averaged.k = serving_verdicts.k
