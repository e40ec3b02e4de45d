{{ config(enabled='segment_attributes' not in setting('disabled_marts')) }}

{% set attributes = attribute_names() %}
{% set bands = setting('attribute_bands') %}
{#- An attribute is refused if so many of its values are different, among at least so many customers. -#}
{% set personal_share, least_customers = 0.9, 50 %}
{% set email = '[^@ ]+@[^@ ]+[.][^@ ]+' %}
{% set telephone = '[+][0-9][0-9 ()/.-]{6,}|0[0-9]{6,}|[(]?0[0-9]{2,}[)]?[ /-][0-9 -]{4,}' %}

with customers as (
    select * from {{ ref('int_customers_checked') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

transaction_attributes as (  -- noqa: ST03
    select * from {{ ref('int_transaction_attributes') }}
),

values_united as (
    {%- for attribute in attributes %}
    {%- set width = bands.get(attribute) %}
    {%- set number = parse_double('customers.' ~ attribute) %}
    select
        customer_segments.cluster_id,
        customer_segments.segment_key,
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
    {%- for attribute in transaction_attribute_names() %}
    select
        customer_segments.cluster_id,
        customer_segments.segment_key,
        customer_segments.model_segment_name as segment_name,
        '{{ attribute }}' as attribute,
        coalesce(transaction_attributes.value, '(unknown)') as value
    from customer_segments
    left join transaction_attributes
        on
            customer_segments.customer_id = transaction_attributes.customer_id
            and transaction_attributes.attribute = '{{ attribute }}'
    -- Whoever has no purchase that counts has no value by definition.
    where customer_segments.segment_key not in ('S0', 'E0')
    union all
    {%- endfor %}
    select
        cast(null as integer) as cluster_id,
        cast(null as string) as segment_key,
        cast(null as string) as segment_name,
        cast(null as string) as attribute,
        cast(null as string) as value
    where false
),

-- One row per spelling. Upper and lower case are one value, in its most frequent spelling.
spellings_counted as (
    select
        cluster_id,
        segment_key,
        segment_name,
        attribute,
        value,
        count(*) as customer_count
    from values_united
    group by cluster_id, segment_key, segment_name, attribute, value
),

values_spelt as (
    select
        attribute,
        lower(value) as lower_value,
        min_by(value, {{ sort_key(['-customer_count', 'value']) }}) as value,
        sum(customer_count) as customer_count
    from (
        select
            attribute,
            value,
            sum(customer_count) as customer_count
        from spellings_counted
        group by attribute, value
    ) as spellings
    group by attribute, lower(value)
),

-- A value of nearly every customer's own, or an address, tells who somebody is. It is refused rather than shown.
attributes_checked as (
    select
        attribute,
        case
            when
                count(*) >= {{ personal_share }} * sum(customer_count)
                and sum(customer_count) >= {{ least_customers }}
                then {{ raise_error(
                    "concat('The attribute ', attribute, ' has another value for nearly"
                    ~ " every customer (', cast(count(*) as string), ' values for ',"
                    ~ " cast(sum(customer_count) as string), ' customers), and the mart"
                    ~ " segment_attributes would show them. Remove it from"
                    ~ " customers_columns, or, if it is a number, set its width in"
                    ~ " attribute_bands.')"
                ) }}
            when
                sum(case
                    when
                        {{ regexp_full_match('value', email) }}
                        or {{ regexp_full_match('value', telephone) }}
                        then customer_count
                    else 0
                end) >= 0.5 * sum(customer_count)
                then {{ raise_error(
                    "concat('The values of the attribute ', attribute, ' look like"
                    ~ " e-mail addresses or telephone numbers, and the mart"
                    ~ " segment_attributes would show them. Remove it from"
                    ~ " customers_columns.')"
                ) }}
            else ''
        end as refusal
    from values_spelt
    where value != '(unknown)'
    group by attribute
),

cells_counted as (
    select
        spellings_counted.cluster_id,
        spellings_counted.segment_key,
        spellings_counted.segment_name,
        spellings_counted.attribute,
        values_spelt.value,
        sum(spellings_counted.customer_count) as customer_count
    from spellings_counted
    inner join values_spelt
        on
            spellings_counted.attribute = values_spelt.attribute
            and lower(spellings_counted.value) = values_spelt.lower_value
    left join attributes_checked
        on spellings_counted.attribute = attributes_checked.attribute
    where coalesce(attributes_checked.refusal, '') = ''
    group by
        spellings_counted.cluster_id, spellings_counted.segment_key,
        spellings_counted.segment_name, spellings_counted.attribute, values_spelt.value
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

-- The suppressed cells of a segment are one row, which does not say what their values are.
select
    ---- ids
    cluster_id,
    segment_key,

    ---- strings
    segment_name,
    attribute,
    case when is_suppressed then '(few customers)' else value end as value,

    ---- booleans
    is_suppressed,

    ---- numerics
    cast(max(case when not is_suppressed then customer_count end) as bigint)
        as customers,
    cast(max(case when not is_suppressed then customer_count end) as bigint)
        as customer_count,
    max(case when not is_suppressed then share end) as share,
    max(
        case when not is_suppressed then {{ divide('share', 'share_of_all') }} end
    ) as lift
from suppressed
group by
    cluster_id, segment_key, segment_name, attribute, is_suppressed,
    case when is_suppressed then '(few customers)' else value end
order by cluster_id nulls last, segment_name, attribute, value
