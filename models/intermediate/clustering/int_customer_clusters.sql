{% set features = setting('features') %}
{% set clusters = range([setting('k_max'), setting('k') or 1] | max) %}

with scaled as (
    select * from {{ ref('int_customer_features_scaled') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

-- All centroids in one row, so that each customer is read once and nothing has to be grouped. A cluster that the
-- serving model does not have is null, and so are the distances to it.
centroids_pivoted as (
    select
        {%- for cluster in clusters %}
        {%- for feature in features %}
        max(case when cluster = {{ cluster }} then {{ feature }} end)
            as {{ feature }}_{{ cluster }},
        {%- endfor %}
        {%- endfor %}
        count(*) as clusters
    from serving_model
),

distances_measured as (
    select
        scaled.customer_id,
        {%- for cluster in clusters %}
        {%- for feature in features %}
        {{ '+ ' if not loop.first -}}
        (scaled.{{ feature }} - centroids_pivoted.{{ feature }}_{{ cluster }})
        * (scaled.{{ feature }} - centroids_pivoted.{{ feature }}_{{ cluster }})
        {%- endfor %} as squared_distance_{{ cluster }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from scaled
    cross join centroids_pivoted
),

nearest_found as (
    select
        *,
        least(
            {%- for cluster in clusters %}
            squared_distance_{{ cluster }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) as smallest_squared_distance
    from distances_measured
)

-- On a tie the lower cluster wins, here as in the fit.
select
    customer_id,
    cast(
        case smallest_squared_distance
            {%- for cluster in clusters %}
            when squared_distance_{{ cluster }} then {{ cluster }}
            {%- endfor %}
        end as bigint
    ) as cluster,
    sqrt(smallest_squared_distance) as distance_to_centroid
from nearest_found
