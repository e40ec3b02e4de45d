-- What a host builds on the marts.
select
    segments.segment_key,
    sum(orders.net_amount) as revenue
from {{ ref('fct_orders') }} as orders
inner join {{ ref('customer_segmentation', 'customer_segments') }} as segments
    on orders.buyer = segments.customer_id
group by segments.segment_key
