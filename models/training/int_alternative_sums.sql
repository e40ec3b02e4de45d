{%- set features, clustered = clusterable_features(), setting('features') %}
with alternative_clusters as (
    select * from {{ ref('int_alternative_clusters') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

customer_activity as (
    select * from {{ ref('int_customer_activity') }}
),

scaled as (
    select * from {{ ref('int_training_features_scaled') }}
),

overall as (
    select {{ divide('sum(total_spending)', 'count(*)') }} as avg_total_spending
    from customer_features
    where is_clustered
),

customers as (
    select
        {%- for k in alternative_ks() %}
        alternative_clusters.cluster_{{ k }},
        {%- endfor %}
        {%- for feature in features %}
        customer_features.{{ feature }},
        {%- endfor %}
        {%- for feature in clustered %}
        scaled.{{ feature }} as {{ feature }}_scaled,
        {%- endfor %}
        customer_features.total_spending as spending,
        customer_features.returned_amount as returned,
        case
            when customer_features.total_spending < overall.avg_total_spending then 1
        end as is_below_average,
        case when customer_activity.is_one_time_buyer then 1 end as is_one_time_buyer,
        case when customer_features.returned_amount > 0 then 1 end as is_returner,
        case when customer_activity.is_quiet then 1 end as is_quiet,
        case when customer_activity.usual_interval_days is not null then 1 end
            as has_rhythm
    from alternative_clusters
    inner join customer_features
        on alternative_clusters.customer_id = customer_features.customer_id
    inner join customer_activity
        on alternative_clusters.customer_id = customer_activity.customer_id
    inner join scaled
        on alternative_clusters.customer_id = scaled.customer_id
    cross join overall
),

-- Customers who share a cluster for every k are summed before they are counted for each k.
{% set sums = features | list -%}
{%- for feature in clustered %}{% do sums.append(feature ~ '_scaled') %}{% endfor -%}
customers_summed as (
    select
        {%- for k in alternative_ks() %}
        cluster_{{ k }},
        {%- endfor %}
        {%- for feature in sums %}
        sum(cast({{ feature }} as decimal(38, 12))) as {{ feature }},
        {%- endfor %}
        count(*) as customers,
        sum(spending) as spending,
        sum(returned) as returned,
        count(is_below_average) as below_average,
        count(is_one_time_buyer) as one_time_buyers,
        count(is_returner) as returners,
        count(is_quiet) as quiet_customers,
        count(has_rhythm) as customers_with_a_rhythm
    from customers
    group by
        {%- for k in alternative_ks() %}
        cluster_{{ k }}{{ ',' if not loop.last }}
        {%- endfor %}
),

{% set counts = [
    'customers', 'below_average', 'one_time_buyers', 'returners', 'quiet_customers',
    'customers_with_a_rhythm'
] -%}
customers_of_each_k as (
    {{- rows_of_each_k('customers_summed', counts + ['spending', 'returned'] + sums) }}
)

select
    k,
    cast(cluster as bigint) as cluster,
    -- A number that no cluster of another k has.
    1000 * k + cast(cluster as bigint) as alternative,
    sum(spending) as total_spending,
    sum(returned) as returned_amount,
    {%- for feature in sums %}
    {{ exact_sum(feature) }} as {{ feature }}_sum,
    {%- endfor %}
    {%- for name in counts %}
    cast(sum({{ name }}) as bigint) as {{ name }}
    {{- ',' if not loop.last }}
    {%- endfor %}
from customers_of_each_k
where cluster is not null
group by k, cluster
