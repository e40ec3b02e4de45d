-- What would more or fewer segments look like, and what would they cost?
-- The sweep has already fitted every k. To serve another one: dbt build --vars '{k: 5}'.

with k_selection as (
    select * from {{ ref('k_selection') }}
),

served_metrics as (
    select
        davies_bouldin_index as served_index,
        silhouette_score as served_silhouette
    from k_selection
    where is_selected
)

select
    k_selection.k,
    k_selection.is_selected,
    k_selection.is_local_minimum,
    k_selection.is_admissible,
    round(k_selection.davies_bouldin_index, 3) as davies_bouldin_index,
    -- Plus zero, because a rounded zero can be negative.
    round(
        100 * k_selection.davies_bouldin_index / nullif(served_metrics.served_index, 0)
        - 100, 1
    ) + 0 as index_above_served_percent,
    round(
        k_selection.silhouette_score - served_metrics.served_silhouette, 3
    ) as silhouette_gain,
    k_selection.smallest_cluster_size,
    k_selection.reason
from k_selection
cross join served_metrics
order by k_selection.k
