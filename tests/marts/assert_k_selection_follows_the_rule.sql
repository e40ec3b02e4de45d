-- A failure means that the wrong k is served. The right one is the k that the setting k fixed for the serving model or,
-- without that setting, the admissible k with the lowest Davies-Bouldin index (on a tie, the smaller k; if no k is
-- admissible, the lowest index of those that are large enough, or of all).
with k_selection as (
    select * from {{ ref('k_selection') }}
),

segmentation_models as (
    select * from {{ ref('segmentation_models') }}
),

serving_model as (
    select
        k,
        selected_by
    from segmentation_models
    where is_serving
),

ranked as (
    select
        k_selection.k,
        k_selection.is_selected,
        k_selection.is_admissible,
        k_selection.davies_bouldin_index,
        row_number() over (
            order by
                case
                    when
                        serving_model.selected_by = 'fixed by the setting k'
                        and k_selection.k = serving_model.k
                        then 0
                    else 1
                end,
                case when k_selection.davies_bouldin_index is null then 1 else 0 end,
                case
                    when k_selection.is_admissible then 0
                    when k_selection.is_large_enough then 1
                    else 2
                end,
                k_selection.davies_bouldin_index,
                k_selection.k
        ) as position
    from k_selection
    cross join serving_model
)

select *
from ranked
where is_selected != (position = 1)
