{#
    SQL that applies a model (centroids and scaling) to customers. Three models share it: the one being trained, the
    one that serves, and the one that served in the previous build.
#}

{% macro scale_customer_features(features, customers='customer_features', ids=['customer_id']) -%}
    {#- CTEs that follow `customers` and scaling (one row per feature). The last one, scaled, has one row per clustered
        customer with each feature transformed and scaled; a feature that the scaling does not have is 0. -#}
-- One row, so that no join by feature is needed.
scaling_pivoted as (
    select
        {%- for feature in features %}
        max(case when feature = '{{ feature }}' then transform end)
            as {{ feature }}_transform,
        max(case when feature = '{{ feature }}' then lower_bound end)
            as {{ feature }}_lower,
        max(case when feature = '{{ feature }}' then upper_bound end)
            as {{ feature }}_upper,
        max(case when feature = '{{ feature }}' then center end)
            as {{ feature }}_center,
        max(case when feature = '{{ feature }}' then scale end)
            as {{ feature }}_scale
        {{- ',' if not loop.last }}
        {%- endfor %}
    from scaling
),

capped as (
    select
        {%- for id in ids %}
        {{ customers }}.{{ id }},
        {%- endfor %}
        {%- for feature in features %}
        {{ winsorized(
            customers ~ '.' ~ feature,
            'scaling_pivoted.' ~ feature ~ '_lower',
            'scaling_pivoted.' ~ feature ~ '_upper'
        ) }} as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ customers }}
    cross join scaling_pivoted
    where {{ customers }}.is_clustered
),

scaled as (
    select
        {%- for id in ids %}
        capped.{{ id }},
        {%- endfor %}
        {%- for feature in features %}
        case
            when scaling_pivoted.{{ feature }}_scale is null then cast(0 as double)
            else (
                case
                    when scaling_pivoted.{{ feature }}_transform = 'log1p'
                        then {{ transform_feature('capped.' ~ feature, 'log1p') }}
                    else capped.{{ feature }}
                end
                - scaling_pivoted.{{ feature }}_center
            ) / scaling_pivoted.{{ feature }}_scale
        end as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from capped
    cross join scaling_pivoted
)
{%- endmacro %}


{% macro squared_distance(customers, features, centroid) -%}
    {#- The squared distance of a customer to a centroid of centroids_pivoted, whose columns end in its number. -#}
        {%- for feature in features %}
        {{ '+ ' if not loop.first -}}
        ({{ customers }}.{{ feature }} - centroids_pivoted.{{ feature }}_{{ centroid }})
        * ({{ customers }}.{{ feature }} - centroids_pivoted.{{ feature }}_{{ centroid }})
        {%- endfor %}
{%- endmacro %}


{% macro cluster_at_least_distance(clusters, prefix) -%}
    {#- The cluster whose column of distances holds the least. A tie goes to the lower number, as in the fit. -#}
        case {{ greatest_or_least('least', clusters, prefix) }}
            {%- for cluster in clusters %}
            when {{ prefix }}{{ cluster }} then {{ cluster }}
            {%- endfor %}
        end
{%- endmacro %}


{% macro nearest_clusters(features, clusters, customers='scaled', ids=['customer_id']) -%}
    {#- CTEs that follow `customers` (one row per customer, scaled) and model (one row per cluster). The last one,
        nearest, has one row per customer with the nearest and the second-nearest centroid. -#}
-- All centroids in one row, so that each customer is read once and no grouping is needed. The centroid of a cluster
-- that the model does not have is null, and so are the distances to it.
centroids_pivoted as (
    select
        {%- for cluster in clusters %}
        {%- for feature in features %}
        max(case when cluster = {{ cluster }} then {{ feature }} end)
            as {{ feature }}_{{ cluster }},
        {%- endfor %}
        {%- endfor %}
        count(*) as clusters
    from model
),

distances_measured as (
    select
        {%- for id in ids %}
        {{ customers }}.{{ id }},
        {%- endfor %}
        {%- for cluster in clusters %}
        {{- squared_distance(customers, features, cluster) }} as squared_distance_{{ cluster }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ customers }}
    cross join centroids_pivoted
),

nearest_found as (
    select
        *,
        {{ greatest_or_least('least', clusters, 'squared_distance_') }} as nearest_squared_distance,
        {{ cluster_at_least_distance(clusters, 'squared_distance_') }} as nearest_cluster
    from distances_measured
),

others_left as (
    select
        {%- for id in ids %}
        {{ id }},
        {%- endfor %}
        nearest_cluster,
        nearest_squared_distance,
        {%- for cluster in clusters %}
        case when nearest_cluster != {{ cluster }} then squared_distance_{{ cluster }} end
            as other_squared_distance_{{ cluster }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from nearest_found
),

nearest as (
    select
        {%- for id in ids %}
        {{ id }},
        {%- endfor %}
        cast(nearest_cluster as bigint) as cluster,
        sqrt(nearest_squared_distance) as distance_to_centroid,
        cast(
            {{ cluster_at_least_distance(clusters, 'other_squared_distance_') }} as bigint
        ) as runner_up_cluster,
        sqrt({{ greatest_or_least('least', clusters, 'other_squared_distance_') }}) as distance_to_runner_up
    from others_left
)
{%- endmacro %}


{% macro averages_by_cluster(customers, features) -%}
    {#- One row per cluster with the average of each feature, and one with a null cluster for all clustered customers.
        The sums are exact, so that an average does not depend on the order of the rows. -#}
    select
        customer_clusters.cluster,
        {%- for feature in features %}
        {{ divide(exact_sum(customers ~ '.' ~ feature), 'count(*)') }} as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from customer_clusters
    inner join {{ customers }}
        on customer_clusters.customer_id = {{ customers }}.customer_id
    group by rollup (customer_clusters.cluster)
{%- endmacro %}


{% macro clusters_at_most() %}
    {#- The possible numbers of a model's clusters. -#}
    {%- do return(range([setting('k_max'), setting('k') or 1] | max) | list) -%}
{% endmacro %}


{% macro segments_of_the_fit() -%}
    {#- A CTE that follows alternative_segments: all of them; or none if another model than the one trained last serves,
        whose borders and axes are of other segments. -#}
segments as (
    select *
    from alternative_segments
    where exists (
        select 1 from alternative_segments as others
        where others.is_selected
    )
)
{%- endmacro %}


{% macro loadings_pivoted(axes, features) -%}
    {#- A CTE that follows `axes` (one row per axis and feature): its loadings in one row. -#}
loadings_pivoted as (
    select
        {%- for feature in features %}
        max(case when axis = 1 and feature = '{{ feature }}' then loading end)
            as {{ feature }}_x,
        max(case when axis = 2 and feature = '{{ feature }}' then loading end)
            as {{ feature }}_y
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ axes }}
)
{%- endmacro %}


{% macro position_on_map(features) -%}
    {#- The columns x and y of a customer in scaled, with loadings_pivoted. -#}
    {%- for axis in ['x', 'y'] %}
    {%- for feature in features %}
    {{ '+ ' if not loop.first -}}
    scaled.{{ feature }} * loadings_pivoted.{{ feature }}_{{ axis }}
    {%- endfor %} as {{ axis }}
    {{- ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{% macro borders_described(also=[]) -%}
    {#- CTEs that follow serving_borders and segments (k, cluster, cluster_id, segment_name and further columns). The
        last one, borders_described, has one row per pair of neighbours; the segment that spends less comes first. -#}
borders_found as (
    select
        serving_borders.k,
        segments.cluster_id,
        neighbours.cluster_id as neighbour_cluster_id,
        {%- for column in also %}
        segments.{{ column }},
        neighbours.{{ column }} as neighbour_{{ column }},
        {%- endfor %}
        segments.segment_name,
        neighbours.segment_name as neighbour_segment_name,
        serving_borders.verdict,
        case serving_borders.verdict
            when 'no gap' then 'there is no gap'
            else concat(
                case
                    when serving_borders.verdict = 'gap' then 'there is a gap: '
                    else ''
                end,
                'customers thin out to ',
                {{ format_number('100 * serving_borders.density_ratio', 0) }},
                ' % of the density of the thinner side'
            )
        end as finding,
        serving_borders.customers as customers_between,
        serving_borders.customers_near,
        serving_borders.customers_measured,
        serving_borders.density_ratio,
        serving_borders.p_value,
        serving_borders.local_density_ratio
    from serving_borders
    inner join segments
        on
            serving_borders.k = segments.k
            and segments.cluster in (serving_borders.cluster, serving_borders.neighbour)
    inner join segments as neighbours
        on
            serving_borders.k = neighbours.k
            and neighbours.cluster in (serving_borders.cluster, serving_borders.neighbour)
            and segments.cluster_id < neighbours.cluster_id
),

borders_described as (
    select
        *,
        concat(
            'Between ', segment_name, ' and ', neighbour_segment_name, ' ', finding, '; ',
            cast(customers_near as string), ' of the ', cast(customers_between as string),
            ' customers between them ',
            case when customers_near = 1 then 'is' else 'are' end,
            ' within 10 % of the border.'
        ) as description
    from borders_found
)
{%- endmacro %}


{% macro alternative_ks() %}
    {#- The numbers of segments that segment_alternatives describes: those that are tried, up to 12. -#}
    {%- set last = [[setting('k_max'), 12] | min, setting('k_min')] | max -%}
    {%- do return(range(setting('k_min'), last + 1) | list) -%}
{% endmacro %}


{% macro rows_of_each_k(relation, keys) -%}
    {#- A query with keys, k and cluster for each k and row of a relation with int_alternative_clusters' columns. -#}
    {%- set rows = [] -%}
    {%- for k in alternative_ks() -%}
        {%- do rows.append({'k': 'cast(' ~ k ~ ' as bigint)', 'cluster': 'cluster_' ~ k}) -%}
    {%- endfor -%}
    {{ expand_rows(relation, keys, rows) }}
{%- endmacro %}


{% macro quantile_steps() %}
    {#- The number of equal steps of int_feature_quantiles: 20 steps are 5 % each, and every second one is a decile. -#}
    {%- do return(20) -%}
{% endmacro %}


{% macro previous_clusters_at_most() %}
    {#- The possible numbers of the clusters of any stored model; k_max may have been lowered since it was trained. -#}
    {%- set register = stored_relation('int_model_register') -%}
    {%- set stored_k = run_query('select max(k) from ' ~ register).rows[0][0] if register else none -%}
    {%- do return(range([setting('k_max'), stored_k or 1] | max) | list) -%}
{% endmacro %}


{% macro usual_interval_days(customers) -%}
    {#- A customer's usual number of days between two purchases; follows `customers` and a CTE typical. A customer with
        few purchases shows little of a rhythm. One interval of typical length is therefore added to the own ones. -#}
    {{ divide(
        customers ~ '.purchase_span_days + typical.typical_interval_days', customers ~ '.transaction_count'
    ) }}
{%- endmacro %}


{% macro unclustered_segments() %}
    {#- {key: name} of the segments that hold the customers who are not clustered. -#}
    {%- do return({'S0': 'No Purchases', 'R0': 'Returns Only', 'E0': 'Earlier Purchases'}) -%}
{% endmacro %}


{% macro unclustered_segment_key(first_purchase_date, returned_amount) -%}
    {#- The segment of a customer without a purchase that counts: E0 of one who bought before the observation window, R0
        of one whose only lines are returns, S0 otherwise. -#}
    case
        when {{ first_purchase_date }} is not null then 'E0'
        when {{ returned_amount }} > 0 then 'R0'
        else 'S0'
    end
{%- endmacro %}
