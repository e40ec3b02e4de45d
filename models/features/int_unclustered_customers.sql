{#- Customers without a purchase that counts are not clustered. Three segments hold them. -#}
with customer_features as (
    select * from {{ ref('int_customer_features') }}
),

keyed as (
    select
        customer_id,
        {{ unclustered_segment_key('first_purchase_date', 'returned_amount')
            | indent(8) }} as segment_key
    from customer_features
    where not is_clustered
)

select
    customer_id,
    segment_key,
    case segment_key
        {%- for key, name in unclustered_segments().items() %}
        when '{{ key }}' then '{{ name }}'
        {%- endfor %}
    end as segment_name
from keyed
