{#- Customers without a purchase are not clustered. Two segments hold them. -#}
with customer_features as (
    select * from {{ ref('int_customer_features') }}
)

select
    customer_id,
    {{ unclustered_segment_key('returned_amount') }} as segment_key,
    case when returned_amount > 0 then 'Returns Only' else 'No Purchases' end
        as segment_name
from customer_features
where not is_clustered
