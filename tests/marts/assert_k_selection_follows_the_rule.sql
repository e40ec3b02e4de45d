-- A failure means that another k is served than the one that the setting k fixes, or, without it, than the admissible k
-- with the lowest Davies-Bouldin index (the smaller k on a tie; of all k where none is admissible).
{% set fixed_k = setting('k') %}

with k_selection as (
    select * from {{ ref('k_selection') }}
),

ranked as (
    select
        k,
        is_selected,
        is_admissible,
        davies_bouldin_index,
        row_number() over (
            order by
                {% if fixed_k is not none -%}
                case when k = {{ fixed_k }} then 0 else 1 end,
                {% else -%}
                case when davies_bouldin_index is null then 1 else 0 end,
                case when is_admissible then 0 else 1 end,
                {% endif -%}
                davies_bouldin_index,
                k
        ) as position
    from k_selection
)

select *
from ranked
where is_selected != (position = 1)
