{#- Rebuilt in every training run, so that a model is stored with the distribution that it was trained on. -#}
-- depends_on: {{ ref('int_trained_model') }}
{% set features = setting('features') %}

with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

feature_quantiles as (
    select * from {{ ref('int_feature_quantiles') }}
),

clustered as (
    select
        {%- for feature in features %}
        cast({{ feature }} as double) as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from customer_features
    where is_clustered
),

-- Deciles. If many customers share a value, several deciles coincide in one edge.
edges_found as (
    select
        feature,
        {{ array_agg_ascending('quantile', distinct=true) }} as edges
    from feature_quantiles
    where quantile_step % {{ quantile_steps() // 10 }} = 0
    group by feature
),

values_unpivoted as (
    {{- unpivot('clustered', features, 'feature', 'value') }}
),

bins_counted as (
    select
        values_unpivoted.feature,
        {{ bin_index('values_unpivoted.value', 'edges_found.edges') }} as bin,
        count(*) as customers
    from values_unpivoted
    inner join edges_found
        on values_unpivoted.feature = edges_found.feature
    group by values_unpivoted.feature, bin
),

features_ordered as (
    {%- for feature in features %}
    select
        {{ loop.index }} as feature_order,
        '{{ feature }}' as feature
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

-- There is one bin more than there are edges. A bin includes its upper edge, and the last bin has none.
bins_listed as (
    select
        features_ordered.feature_order,
        features_ordered.feature,
        edges_found.edges,
        {{ series_from_zero('cardinality(edges_found.edges)') }} as bin
    from features_ordered
    inner join edges_found
        on features_ordered.feature = edges_found.feature
)

select
    cast(bins_listed.feature_order as integer) as feature_order,
    bins_listed.feature,
    cast(bins_listed.bin as integer) as bin,
    bins_listed.edges,
    coalesce(bins_counted.customers, 0) as customers,
    {{ divide(
        'coalesce(bins_counted.customers, 0)',
        'sum(bins_counted.customers) over (partition by bins_listed.feature)'
    ) }} as share
from bins_listed
left join bins_counted
    on
        bins_listed.feature = bins_counted.feature
        and bins_listed.bin = bins_counted.bin
