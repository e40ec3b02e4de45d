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

-- k = 1 has no index, and is selected only if there is nothing else. If no k is admissible, the lowest index comes
-- first; the run goes on with it only if the setting require_admissible_k is false.
ranked as (
    select
        *,
        is_large_enough and is_stable as is_admissible,
        row_number() over (
            order by
                case when davies_bouldin_index is null then 1 else 0 end,
                case when is_large_enough and is_stable then 0 else 1 end,
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
{%- if fixed_k is none and setting('require_admissible_k') %}
union all
select
    cast(
        {{ raise_error(
            'concat('
            ~ quote_literal(
                'No k is admissible: refits to resampled customers must agree with'
                ~ ' a partition at ' ~ setting('stability_required')
                ~ ' or more (setting stability_required), and they agree at '
            )
            ~ ', '
            ~ string_agg(
                "concat(cast(round(stability_index, 2) as string), ' at k = ',"
                ~ ' cast(k as string))',
                ', ',
                'k'
            ) ~ ', '
            ~ quote_literal(
                '. Remedies: cluster by other features (setting features), lower'
                ~ ' stability_required, fix a k (setting k), or set'
                ~ ' require_admissible_k to false to serve the lowest index anyway.'
            )
            ~ ')'
        ) }} as bigint
    ) as k,
    cast(null as double) as davies_bouldin_index,
    false as is_large_enough,
    false as is_stable,
    false as is_admissible,
    false as is_best_k,
    false as is_selected
from ranked
where is_large_enough
having count(*) > 0 and count(case when is_admissible then 1 end) = 0
{%- endif %}
