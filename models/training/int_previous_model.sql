{#- Rebuilt in every training run, so that the new model takes over the keys of the previous one. -#}
-- depends_on: {{ ref('int_trained_model') }}
{% set features = clusterable_features() -%}

with stored_models as (
    select * from {{ stored_models() }}
),

stored_builds as (
    select * from {{ stored_builds() }}
),

-- The model that served in the last completed build or, without one, the newest.
previous as (
    select
        model_id,
        {{ unnest_structs('clusters') }}  -- noqa: AL03
    from stored_models
    where
        model_id = coalesce(
            (
                select max_by(stored_builds.model_id, stored_builds.build)
                from stored_builds
                where stored_builds.is_build
            ),
            (
                select max_by(newest.model_id, newest.sequence)
                from stored_models as newest
            )
        )
)

-- A feature that the model does not have is 0, as in the scaled features.
select
    model_id,
    cluster,
    segment_key,
    {%- for feature in features %}
    coalesce(
        max(case when feature = '{{ feature }}' then centroid end), 0
    ) as {{ feature }}
    {{- ',' if not loop.last }}
    {%- endfor %}
from previous
group by model_id, cluster, segment_key
