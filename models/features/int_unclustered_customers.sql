{#- Customers without a purchase that counts are not clustered. Three segments hold them. -#}
with customer_features as (
    select * from {{ ref('int_customer_features') }}
)

select
    customer_id,
    {{ unclustered_segment_key('first_purchase_date', 'returned_amount') }}
        as segment_key,
    case
        when first_purchase_date is not null then 'Earlier Purchases'
        when returned_amount > 0 then 'Returns Only'
        else 'No Purchases'
    end as segment_name
from customer_features
where not is_clustered
