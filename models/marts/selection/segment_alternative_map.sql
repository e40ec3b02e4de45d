{{ config(enabled='segment_alternative_map' not in setting('disabled_marts')) }}
{#- A mark for each of so many customers shows where the segments of a k lie; more would only make the page larger. -#}
{%- set features, customers_at_most = setting('features'), 1500 %}
with alternative_clusters as (
    select * from {{ ref('int_alternative_clusters') }}
),

scaled as (
    select * from {{ ref('int_training_features_scaled') }}
),

map_axes as (
    select * from {{ ref('int_map_axes') }}
),

alternative_segments as (
    select * from {{ ref('int_alternative_segments') }}
),

{{ segments_of_the_fit() }},

{{ loadings_pivoted('map_axes', features) }},

-- Which customers are drawn depends only on their ids.
drawn as (
    select *
    from alternative_clusters
    order by md5(customer_id), customer_id
    limit {{ customers_at_most }}
),

-- Not a union of each k, for which DuckDB would draw the customers again.
ks as (
    select distinct k
    from alternative_segments
),

clusters as (
    select
        ks.k,
        drawn.customer_id,
        case ks.k
            {%- for k in alternative_ks() %}
            when {{ k }} then drawn.cluster_{{ k }}
            {%- endfor %}
        end as cluster
    from drawn
    cross join ks
)

select
    ---- ids
    clusters.k,
    clusters.customer_id,
    segments.cluster_id,

    ---- numerics
    {{ position_on_map(features) }}
from clusters
inner join segments
    on
        clusters.k = segments.k
        and clusters.cluster = segments.cluster
inner join scaled
    on clusters.customer_id = scaled.customer_id
cross join loadings_pivoted
order by clusters.k, clusters.customer_id
