{% set fixed_k = setting('k') %}
{% set separated_required = setting('separated_share_required') %}
{% set stability_required = setting('stability_required') %}

with serving_sweep as (
    select * from {{ ref('int_serving_sweep') }}
),

serving_verdicts as (
    select * from {{ ref('int_serving_verdicts') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

-- The metrics of a k are repeated in the row of each of its clusters.
ks as (
    select
        k,
        davies_bouldin_index,
        inertia,
        silhouette_score,
        silhouette_standard_error,
        calinski_harabasz_index,
        smallest_cluster_size,
        smallest_size_required,
        is_large_enough,
        is_admissible,
        is_best_k,
        sum(cluster_size) as customers
    from serving_sweep
    group by
        k, davies_bouldin_index, inertia, silhouette_score,
        silhouette_standard_error, calinski_harabasz_index, smallest_cluster_size,
        smallest_size_required, is_large_enough, is_admissible, is_best_k
),

served as (
    select max(k) as served_k
    from serving_model
),

neighbours_seen as (
    select
        ks.*,
        served.served_k,
        ks.k = served.served_k as is_selected,
        lag(ks.davies_bouldin_index) over (order by ks.k) as index_before,
        lead(ks.davies_bouldin_index) over (order by ks.k) as index_after,
        max(case when ks.is_best_k then ks.k end) over () as lowest_k,
        max(case when ks.is_best_k then ks.davies_bouldin_index end) over ()
            as lowest_index,
        count(case when ks.is_admissible then ks.davies_bouldin_index end) over ()
            as admissible_ks
    from ks
    cross join served
),

compared as (
    select
        *,
        coalesce(
            davies_bouldin_index < coalesce(index_before, davies_bouldin_index + 1)
            and davies_bouldin_index < coalesce(index_after, davies_bouldin_index + 1),
            false
        ) as is_local_minimum,
        {{ divide('davies_bouldin_index - lowest_index', 'lowest_index') }} as excess
    from neighbours_seen
),

-- The best k of each index among the admissible ones; on a tie, the smaller k.
best_ks as (
    select
        min_by(k, {{ sort_key(['davies_bouldin_index', 'k']) }})
            as by_davies_bouldin,
        min_by(k, {{ sort_key(['-silhouette_score', 'k']) }}) as by_silhouette,
        min_by(k, {{ sort_key(['-calinski_harabasz_index', 'k']) }})
            as by_calinski_harabasz
    from ks
    where is_admissible and davies_bouldin_index is not null
),

validity_judged as (
    select
        compared.*,
        serving_verdicts.stability_index,
        serving_verdicts.gap_statistic,
        serving_verdicts.gap_standard_error,
        serving_verdicts.buying_gap_statistic,
        serving_verdicts.buying_gap_standard_error,
        serving_verdicts.borders,
        serving_verdicts.borders_with_a_gap,
        serving_verdicts.separated_share,
        cast(
            case when compared.k = best_ks.by_davies_bouldin then 1 else 0 end
            + case when compared.k = best_ks.by_silhouette then 1 else 0 end
            + case when compared.k = best_ks.by_calinski_harabasz then 1 else 0 end
            as bigint
        ) as indices_in_favour,
        case
            when compared.k = 1 then 'one segment'
            else coalesce(serving_verdicts.validity, 'not measured')
        end as validity
    from compared
    cross join best_ks
    left join serving_verdicts
        on compared.k = serving_verdicts.k
),

-- Where the served k is 2 or no group is natural, the next admissible local minimum is worth a look.
alternatives as (
    select min_by(k, {{ sort_key(['davies_bouldin_index', 'k']) }}) as alternative_k
    from validity_judged
    where is_local_minimum and is_admissible and k > served_k
),

alternatives_found as (
    select
        validity_judged.*,
        alternatives.alternative_k,
        case
            when validity_judged.k = 2 then 'the border of the two segments'
            else 'the only border between segments that could be measured'
        end as the_border,
        other.davies_bouldin_index as alternative_index,
        other.stability_index as alternative_stability
    from validity_judged
    left join alternatives
        on
            validity_judged.is_selected
            and (validity_judged.k = 2 or validity_judged.validity = 'continuum')
    left join validity_judged as other
        on alternatives.alternative_k = other.k
),

sentences as (
    select
        *,
        case
            when borders_with_a_gap = 0 and borders = 1
                then concat('customers do not thin out at ', the_border, '.')
            when borders_with_a_gap = 0 then concat(
                'customers thin out at none of the ', cast(borders as string),
                ' borders between segments.'
            )
            when borders = 1 then concat('customers thin out at ', the_border, '.')
            when borders_with_a_gap = borders then concat(
                'customers thin out at all ', cast(borders as string),
                ' borders between segments.'
            )
            else concat(
                'customers thin out at ', cast(borders_with_a_gap as string), ' of ',
                cast(borders as string),
                ' borders between segments; of the customers between two segments, ',
                {{ format_number('100 * separated_share', 0) }},
                ' % are at such a border.'
            )
        end as borders_sentence,
        case
            when stability_index < {{ stability_required }} then concat(
                'refits agree at ', {{ format_number('stability_index', 3) }},
                ' only; ', {{ format_number(stability_required, 3) }}, ' is required'
            )
            else concat(
                'refits agree (', {{ format_number('stability_index', 2) }}, ')'
            )
        end as stability_sentence,
        case
            -- Of one, every index says the same.
            when admissible_ks = 1 then ''
            when indices_in_favour = 0 then ' None of 3 indices favours this k.'
            when indices_in_favour = 1 then ' 1 of 3 indices favours this k.'
            else concat(
                ' ', cast(indices_in_favour as string), ' of 3 indices favour this k.'
            )
        end as agreement_sentence,
        concat(
            'index ', {{ format_number('davies_bouldin_index', 3) }}, ', ',
            {{ format_number('abs(100 * excess)', 1) }},
            -- Only an inadmissible k can be below the lowest index.
            case when excess < 0 then ' % below' else ' % above' end,
            ' the lowest, ', {{ format_number('lowest_index', 3) }}, ' at k = ',
            cast(lowest_k as string)
        ) as against_the_lowest,
        case
            when not is_large_enough then concat(
                ' Its smallest cluster holds ', cast(smallest_cluster_size as string),
                ' of ', cast(customers as string),
                ' customers; at least ',
                cast(smallest_size_required as string), ' are required.'
            )
            else ''
        end as size_remark,
        case
            when alternative_k is null then ''
            else concat(
                ' For more segments look at k = ', cast(alternative_k as string),
                case
                    when alternative_stability is null then ', a local minimum'
                    else ', a stable local minimum'
                end,
                ' whose index is ',
                {{ format_number(
                    divide(
                        '100 * abs(alternative_index - davies_bouldin_index)',
                        'davies_bouldin_index'
                    ),
                    1
                ) }},
                -- A k that a setting fixes need not have the lower index.
                case
                    when alternative_index < davies_bouldin_index then ' % lower.'
                    else ' % higher.'
                end
            )
        end as alternative_remark
    from alternatives_found
)

select
    ---- ids
    k,
    case when is_selected then alternative_k end as alternative_k,

    ---- booleans
    is_admissible,
    is_large_enough,
    coalesce(stability_index >= {{ stability_required }}, true) as is_stable,
    is_local_minimum,
    is_selected,

    ---- numerics
    davies_bouldin_index,
    inertia,
    silhouette_score,
    silhouette_standard_error,
    calinski_harabasz_index,
    smallest_cluster_size,
    {{ divide('smallest_cluster_size', 'customers') }} as smallest_cluster_share,
    indices_in_favour,
    stability_index,
    gap_statistic,
    gap_standard_error,
    buying_gap_statistic,
    buying_gap_standard_error,
    borders,
    borders_with_a_gap,
    separated_share,

    ---- strings
    case
        {% if fixed_k is not none -%}
        when is_selected and davies_bouldin_index is null
            then 'Selected: fixed by the setting k. One segment has no index.'
        when is_selected and is_best_k
            then concat(
                'Selected: fixed by the setting k, and the lowest index, ',
                {{ format_number('davies_bouldin_index', 3) }}, '.', size_remark,
                alternative_remark
            )
        when is_selected
            then concat(
                'Selected: fixed by the setting k; ', against_the_lowest, '.',
                size_remark, alternative_remark
            )
        {%- else -%}
        -- A stored model can serve a k that a setting fixed when it was trained.
        when is_selected and not is_best_k and davies_bouldin_index is null
            then 'Selected: fixed by the setting k. One segment has no index.'
        when is_selected and not is_best_k
            then concat(
                'Selected: fixed by the setting k when the model was trained; ',
                against_the_lowest, '.', size_remark, alternative_remark
            )
        when is_selected and davies_bouldin_index is null
            then concat(
                'Selected: one segment. ',
                case
                    when customers = 1 then 'One customer cannot be divided.'
                    else concat(
                        cast(customers as string),
                        ' customers are too few, or too much alike, to be told apart.'
                    )
                end
            )
        when is_selected and not is_admissible
            then concat(
                'Selected: the lowest index, ',
                {{ format_number('davies_bouldin_index', 3) }},
                case
                    when is_large_enough then ', though no k is stable.'
                    else
                        ', though every k leaves a segment too small '
                        || '(setting require_admissible_k).'
                end,
                size_remark,
                alternative_remark
            )
        when is_selected
            then concat(
                'Selected: the lowest index, ',
                {{ format_number('davies_bouldin_index', 3) }},
                case
                    when admissible_ks = 1
                        then '; no other number of segments is admissible.'
                    else concat(
                        ', of the ', cast(admissible_ks as string),
                        ' admissible numbers of segments.'
                    )
                end,
                alternative_remark
            )
        {%- endif %}
        when davies_bouldin_index is null then 'One segment has no index.'
        when not is_large_enough
            then concat('Leaves a segment too small.', size_remark)
        when not is_admissible
            then concat(
                'Not stable: refits agree at ',
                {{ format_number('stability_index', 3) }}, '.'
            )
        when is_best_k
            then concat(
                'The lowest index: ',
                {{ format_number('davies_bouldin_index', 3) }}, '.'
            )
        when is_local_minimum
            then concat(
                'Local minimum, worth a look for more or fewer segments: ',
                against_the_lowest, '.'
            )
        else concat('Not the lowest: ', against_the_lowest, '.')
    end as reason,
    validity,
    case
        when validity = 'one segment' then 'One segment has nothing to compare.'
        when validity = 'not measured' then concat('Not measured.', agreement_sentence)
        when validity = 'unstable'
            then concat(
                'An unstable partition: ', stability_sentence, '. Yet ',
                borders_sentence, agreement_sentence
            )
        when validity = 'natural groups'
            then concat(
                'Natural groups: ', stability_sentence, ', and ', borders_sentence,
                agreement_sentence
            )
        when validity = 'not sure'
            then concat(
                case
                    when separated_share < {{ separated_required }} then concat(
                        'Not sure: ', stability_sentence, ', and ', borders_sentence
                    )
                    else concat(
                        'Not sure: refits agree at ',
                        {{ format_number('stability_index', 3) }}, ', close to ',
                        {{ format_number(stability_required, 3) }},
                        ', which is required.'
                    )
                end,
                ' Other customers may decide otherwise.', agreement_sentence
            )
        when stability_index < {{ stability_required }}
            then concat(
                'An arbitrary partition of a continuum: ', stability_sentence,
                ', and ', borders_sentence, agreement_sentence
            )
        else concat(
            'A useful partition of a continuum: ', stability_sentence, ', but ',
            borders_sentence, agreement_sentence
        )
    end as validity_reason
from sentences
order by k
