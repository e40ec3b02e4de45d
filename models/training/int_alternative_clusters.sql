{%- set features, ks = setting('features'), alternative_ks() %}
with scaled as (
    select * from {{ ref('int_training_features_scaled') }}
),

sweep as (
    select * from {{ ref('int_kmeans_sweep') }}
),

-- All centroids in one row, so that each customer is read once. Those of a k that was not tried are null.
centroids_pivoted as (
    select
        {%- for k in ks %}
        {%- for cluster in range(k) %}
        {%- for feature in features %}
        max(case when k = {{ k }} and cluster = {{ cluster }} then {{ feature }} end)
            as {{ feature }}_{{ k }}_{{ cluster }},
        {%- endfor %}
        {%- endfor %}
        {%- endfor %}
        count(*) as clusters
    from sweep
),

distances_measured as (
    select
        {%- for k in ks %}
        {%- for cluster in range(k) %}
        {%- for feature in features %}
        {{ '+ ' if not loop.first -}}
        (scaled.{{ feature }} - centroids_pivoted.{{ feature }}_{{ k }}_{{ cluster }})
        * (scaled.{{ feature }} - centroids_pivoted.{{ feature }}_{{ k }}_{{ cluster }})
        {%- endfor %} as squared_distance_{{ k }}_{{ cluster }},
        {%- endfor %}
        {%- endfor %}
        scaled.customer_id
    from scaled
    cross join centroids_pivoted
)

-- A tie goes to the cluster with the lower number, as in the fit.
select
    {%- for k in ks %}
    {%- set prefix = 'squared_distance_' ~ k ~ '_' %}
    cast(
        case {{ greatest_or_least('least', range(k) | list, prefix) }}
            {%- for cluster in range(k) %}
            when {{ prefix }}{{ cluster }} then {{ cluster }}
            {%- endfor %}
        end as smallint
    ) as cluster_{{ k }},
    {%- endfor %}
    customer_id
from distances_measured
