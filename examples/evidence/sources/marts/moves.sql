-- One row per build even if nobody could move, as in the first: Evidence makes no table from a query without rows.
select
    builds.build,
    builds.as_of_date,
    builds.is_trained,
    migrations.step,
    migrations.from_segment_key,
    migrations.from_segment_name,
    migrations.to_segment_key,
    migrations.to_segment_name,
    migrations.is_move,
    migrations.customers,
    migrations.total_spending
from marts.segmentation_builds as builds
left join marts.segment_migrations as migrations
    on builds.build = migrations.build
