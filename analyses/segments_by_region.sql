-- Where do the customers of each segment live, and in which regions are they over-represented?
-- A lift of 1.5 means that the region is 1.5 times as common in the segment as among all customers. Suppressed cells
-- are left out. Another attribute in customers_columns (channel, birth_year) can replace region.

with segment_attributes as (
    select * from {{ ref('segment_attributes') }}
)

select
    segment_name,
    value as region,
    customer_count,
    round(100 * share, 1) as percent_of_segment,
    round(lift, 2) as lift
from segment_attributes
where
    attribute = 'region'
    and not is_suppressed
order by cluster_id desc nulls last, lift desc, region asc
