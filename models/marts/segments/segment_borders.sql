{{ config(enabled='segment_borders' not in setting('disabled_marts')) }}

with serving_borders as (
    select * from {{ ref('int_serving_borders') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

segments_named as (
    select * from {{ ref('int_segments_named') }}
),

segments_keyed as (
    select
        segments_named.cluster,
        segments_named.cluster_id,
        segments_named.segment_name,
        serving_model.segment_key,
        serving_model.k
    from segments_named
    inner join serving_model
        on segments_named.cluster = serving_model.cluster
),

-- The segment that spends less comes first.
ordered as (
    select
        serving_borders.*,
        segments.cluster_id,
        segments.segment_key,
        segments.segment_name,
        neighbours.cluster_id as neighbour_cluster_id,
        neighbours.segment_key as neighbour_segment_key,
        neighbours.segment_name as neighbour_segment_name,
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
        end as finding
    from serving_borders
    inner join segments_keyed as segments
        on
            serving_borders.k = segments.k
            and segments.cluster in (serving_borders.cluster, serving_borders.neighbour)
    inner join segments_keyed as neighbours
        on
            neighbours.cluster in (serving_borders.cluster, serving_borders.neighbour)
            and segments.cluster_id < neighbours.cluster_id
)

select
    ---- ids
    cluster_id,
    neighbour_cluster_id,
    segment_key,
    neighbour_segment_key,

    ---- strings
    segment_name,
    neighbour_segment_name,
    verdict,
    concat(
        'Between ', segment_name, ' and ', neighbour_segment_name, ' ', finding, '; ',
        cast(customers_near as string), ' of the ', cast(customers as string),
        ' customers between them ',
        case when customers_near = 1 then 'is' else 'are' end,
        ' within 10 % of the border.'
    ) as description,

    ---- numerics
    customers as customers_between,
    customers_near,
    customers_measured,
    density_ratio,
    p_value,
    local_density_ratio
from ordered
order by cluster_id, neighbour_cluster_id
