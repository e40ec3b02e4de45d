{#- Which k are admissible, and which of them is selected: the lowest Davies-Bouldin index, the smaller k on a tie. -#}
{% set fixed_k = setting('k') %}

with int_kmeans_sweep as (
    select * from {{ ref('int_kmeans_sweep') }}
),

int_kmeans_validation as (
    select * from {{ ref('int_kmeans_validation') }}
),

-- The metrics of a k are repeated in the row of each of its clusters.
ks as (
    select distinct
        k,
        davies_bouldin_index,
        smallest_cluster_size,
        smallest_size_required
    from int_kmeans_sweep
),

-- One segment is admissible; without refits every k counts as stable.
judged as (
    select
        ks.k,
        ks.davies_bouldin_index,
        ks.smallest_cluster_size,
        int_kmeans_validation.stability_index,
        ks.k = 1
        or ks.smallest_cluster_size >= ks.smallest_size_required as is_large_enough,
        coalesce(
            int_kmeans_validation.stability_index
            >= {{ setting('stability_required') }},
            true
        ) as is_stable
    from ks
    left join int_kmeans_validation
        on ks.k = int_kmeans_validation.k
),

-- k = 1 has no index, and is selected only if there is nothing else. If no k is stable, the lowest index of those that
-- are large enough comes first. The sweep has stopped the run if none is, unless require_admissible_k is false.
ranked as (
    select
        *,
        is_large_enough and is_stable as is_admissible,
        row_number() over (
            order by
                case when davies_bouldin_index is null then 1 else 0 end,
                case
                    when is_large_enough and is_stable then 0
                    when is_large_enough then 1
                    else 2
                end,
                davies_bouldin_index,
                k
        ) = 1 as is_best_k
    from judged
)

select
    k,
    davies_bouldin_index,
    is_large_enough,
    is_stable,
    is_admissible,
    is_best_k,
    {% if fixed_k is none %}is_best_k{% else %}k = {{ fixed_k }}{% endif %} as is_selected
from ranked
