-- Evidence makes no table from a query without rows. The left join keeps the segments if no attributes are mapped.
select
    profiles.segment_key,
    profiles.segment_name,
    profiles.cluster_id,
    attributes.attribute,
    attributes.value,
    attributes.is_suppressed,
    attributes.customer_count,
    attributes.share,
    attributes.lift
from marts.segment_profiles as profiles
left join marts.segment_attributes as attributes
    on profiles.segment_name = attributes.segment_name
