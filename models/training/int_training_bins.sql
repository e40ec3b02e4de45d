{#- Rebuilt with every training run, so that a model is stored with the distribution that it was trained on. -#}
-- depends_on: {{ ref('int_trained_model') }}
with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

feature_catalogue as (
    select * from {{ ref('int_feature_catalogue') }}
),

clustered as (
    select *
    from customer_features
    where is_clustered
),

features_unpivoted as (
    {{- unpivot('clustered', setting('features'), 'feature', 'value') }}
),

-- Deciles. Where many customers share a value, several of them are one edge.
edges_found as (
    select
        feature,
        {{ quantiles('value', [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) }}
            as edges
    from features_unpivoted
    group by feature
),

bins_counted as (
    select
        features_unpivoted.feature,
        {{ bin_index('features_unpivoted.value', 'edges_found.edges') }} as bin,
        count(*) as customers
    from features_unpivoted
    inner join edges_found
        on features_unpivoted.feature = edges_found.feature
    group by features_unpivoted.feature, bin
),

-- One bin more than edges: a bin includes its upper edge, and the last one has none.
bins_listed as (
    select
        feature,
        edges,
        {{ series_from_zero('cardinality(edges)') }} as bin
    from edges_found
)

select
    feature_catalogue.feature_order,
    bins_listed.feature,
    cast(bins_listed.bin as integer) as bin,
    bins_listed.edges,
    coalesce(bins_counted.customers, 0) as customers,
    {{ divide(
        'coalesce(bins_counted.customers, 0)',
        'sum(bins_counted.customers) over (partition by bins_listed.feature)'
    ) }} as share
from bins_listed
inner join feature_catalogue
    on bins_listed.feature = feature_catalogue.feature
left join bins_counted
    on
        bins_listed.feature = bins_counted.feature
        and bins_listed.bin = bins_counted.bin
