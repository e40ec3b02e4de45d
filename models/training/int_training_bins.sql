{#- Rebuilt in every training run, so that a model is stored with the distribution that it was trained on. -#}
-- depends_on: {{ ref('int_trained_model') }}
{% set features = setting('features') %}

with customer_features as (
    select * from {{ ref('int_customer_features') }}
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
        {%- for feature in features %}
        {{ distinct_quantiles(feature, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) }}
            as {{ feature }}_edges
        {{- ',' if not loop.last }}
        {%- endfor %}
    from clustered
),

values_united as (
    {%- for feature in features %}
    select
        '{{ feature }}' as feature,
        edges_found.{{ feature }}_edges as edges,
        clustered.{{ feature }} as value
    from clustered
    cross join edges_found
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

bins_counted as (
    select
        feature,
        {{ bin_index('value', 'edges') }} as bin,
        count(*) as customers
    from values_united
    group by feature, bin
),

-- There is one bin more than there are edges. A bin includes its upper edge, and the last bin has none.
bins_listed as (
    {%- for feature in features %}
    select
        {{ loop.index }} as feature_order,
        '{{ feature }}' as feature,
        {{ feature }}_edges as edges,
        {{ series_from_zero('cardinality(' ~ feature ~ '_edges)') }} as bin
    from edges_found
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
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
