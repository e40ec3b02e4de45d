{% set attributes = attribute_names() %}
{% set bands = setting('attribute_bands') %}

with customers as (
    select * from {{ ref('int_customers_checked') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

values_united as (
    {%- for attribute in attributes %}
    {%- set width = bands.get(attribute) %}
    {%- set number = parse_double('customers.' ~ attribute) %}
    select
        customer_segments.cluster_id,
        customer_segments.model_segment_name as segment_name,
        '{{ attribute }}' as attribute,
        {% if width -%}
        -- A band is named after its first value and, if its width is whole, its last one.
        case
            when {{ number }} is null then '(unknown)'
            else {{ band_name(number, width) }}
        end as value
        {%- else -%}
        coalesce(customers.{{ attribute }}, '(unknown)') as value
        {%- endif %}
    from customers
    inner join customer_segments
        on customers.customer_id = customer_segments.customer_id
    where customers.failed_rules is null
    union all
    {%- endfor %}
    select
        cast(null as integer) as cluster_id,
        cast(null as string) as segment_name,
        cast(null as string) as attribute,
        cast(null as string) as value
    where false
),

cells_counted as (
    select
        cluster_id,
        segment_name,
        attribute,
        value,
        count(*) as customer_count
    from values_united
    group by cluster_id, segment_name, attribute, value
),

shares_taken as (
    select
        *,
        {{ divide(
            'customer_count',
            'sum(customer_count) over (partition by segment_name, attribute)'
        ) }} as share,
        {{ divide(
            'sum(customer_count) over (partition by attribute, value)',
            'sum(customer_count) over (partition by attribute)'
        ) }} as share_of_all,
        count(case when customer_count < {{ setting('min_cell_size') }} then 1 end)
            over (partition by segment_name, attribute) as small_cells,
        row_number() over (
            partition by segment_name, attribute
            order by customer_count, value
        ) as size_rank
    from cells_counted
),

-- A single suppressed cell could be inferred from the total, so the next smallest cell is suppressed too.
suppressed as (
    select
        *,
        customer_count < {{ setting('min_cell_size') }}
        or (small_cells = 1 and size_rank = 2) as is_suppressed
    from shares_taken
)

select
    ---- ids
    cluster_id,

    ---- strings
    segment_name,
    attribute,
    value,

    ---- booleans
    is_suppressed,

    ---- numerics
    case when not is_suppressed then customer_count end as customer_count,
    case when not is_suppressed then share end as share,
    case when not is_suppressed then {{ divide('share', 'share_of_all') }} end as lift
from suppressed
order by cluster_id nulls last, attribute, value
