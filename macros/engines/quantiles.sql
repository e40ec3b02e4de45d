{% macro quantiles(relation, columns, shares, keys=[], interpolated=false) -%}
    {#- A query with one row per combination of the keys, column (`feature`) and share: the quantile of the column's
        values, which is the smallest one that at least this share of them do not exceed; or interpolated between the
        two nearest. Nulls are left out. The keys must not be null. -#}
    {{ adapter.dispatch('quantiles')(relation, columns, shares, keys, interpolated) }}
{%- endmacro %}


{% macro default__quantiles(relation, columns, shares, keys, interpolated) %}
    with quantiles_listed as (
        select
            {%- for key in keys %}
            {{ key }},
            {%- endfor %}
            {%- for column in columns %}
            {{ 'quantile_cont' if interpolated else 'quantile_disc' }}(
                cast({{ column }} as double), [{{ shares | join(', ') }}]
            ) as {{ column }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        from {{ relation }}
        {{- ' group by ' ~ keys | join(', ') if keys }}
    )
    {%- for column in columns %}
    select
        {%- for key in keys %}
        {{ key }},
        {%- endfor %}
        '{{ column }}' as feature,
        unnest([{{ shares | join(', ') }}]) as share,
        unnest({{ column }}) as quantile
    from quantiles_listed
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{% macro spark__quantiles(relation, columns, shares, keys, interpolated) -%}
    {{ quantiles_in_passes(relation, columns, shares, keys, interpolated) }}
{%- endmacro %}


{#
    Spark's own percentiles collect the distinct values of a group in one task. Here a first pass counts the values by
    their first four digits. A second one takes those of the buckets that hold a quantile, and only they are put in
    order. A task sees the counts of the buckets (9,000 for each power of ten), or the values of one bucket.
#}
{% macro quantiles_in_passes(relation, columns, shares, keys, interpolated) %}
    {%- set group = keys + ['feature'] %}
    with values_unpivoted as (
        {{- unpivot(relation, columns, 'feature', 'value', keys) | indent(4) }}
    ),

    values_bucketed as (
        select
            {{ group | join(', ') }},
            value,
            {{ bucket_of('value') | indent(12) }} as bucket
        from values_unpivoted
        where value is not null
    ),

    buckets_counted as (
        select {{ group | join(', ') }}, bucket, count(*) as row_count
        from values_bucketed
        group by {{ group | join(', ') }}, bucket
    ),

    buckets_placed as (
        select
            {{ group | join(', ') }},
            bucket,
            row_count,
            sum(row_count) over (
                partition by {{ group | join(', ') }}
                order by bucket
                rows between unbounded preceding and current row
            ) - row_count as rows_before,
            sum(row_count) over (partition by {{ group | join(', ') }}) as all_rows
        from buckets_counted
    ),

    shares_listed as (
        {#- A share that is asked for twice has one row: 0.5 for the bounds of winsorize 0.5. #}
        {%- for share in shares | unique %}
        select cast({{ share }} as double) as share
        {{- '\n        union all' if not loop.last }}
        {%- endfor %}
    ),

    -- Which rows are asked for, and with which weight: one for a discrete quantile, two for an interpolated one.
    {% if interpolated -%}
    ranks_listed as (
        select
            buckets_placed.*,
            shares_listed.share,
            floor((all_rows - 1) * share) as rank_below,
            (all_rows - 1) * share - floor((all_rows - 1) * share) as weight_above
        from buckets_placed
        cross join shares_listed
    ),

    ranks_weighted as (
        select ranks_listed.*, rank_below + 1 as wanted_rank, 1 - weight_above as weight
        from ranks_listed
        union all
        select ranks_listed.*, rank_below + 2 as wanted_rank, weight_above as weight
        from ranks_listed
        where weight_above > 0
    ),
    {%- else -%}
    ranks_weighted as (
        select
            buckets_placed.*,
            shares_listed.share,
            greatest(1, all_rows - floor(all_rows - shares_listed.share * all_rows)) as wanted_rank,
            cast(1 as double) as weight
        from buckets_placed
        cross join shares_listed
    ),
    {%- endif %}

    ranks_found as (
        select {{ group | join(', ') }}, share, bucket, rows_before, wanted_rank, weight
        from ranks_weighted
        where wanted_rank > rows_before and wanted_rank <= rows_before + row_count
    ),

    buckets_wanted as (
        select distinct {{ group | join(', ') }}, bucket, rows_before
        from ranks_found
    ),

    values_wanted as (
        select
            {%- for key in group %}
            values_bucketed.{{ key }},
            {%- endfor %}
            values_bucketed.bucket,
            values_bucketed.value,
            max(buckets_wanted.rows_before) as rows_before,
            count(*) as row_count
        from values_bucketed
        inner join buckets_wanted
            on {{ equal_columns('values_bucketed', 'buckets_wanted', group + ['bucket']) }}
        group by
            {%- for key in group %}
            values_bucketed.{{ key }},
            {%- endfor %}
            values_bucketed.bucket,
            values_bucketed.value
    ),

    values_placed as (
        select
            {{ group | join(', ') }},
            bucket,
            value,
            row_count,
            rows_before + sum(row_count) over (
                partition by {{ group | join(', ') }}, bucket
                order by value
                rows between unbounded preceding and current row
            ) as rows_up_to
        from values_wanted
    )

    select
        {%- for key in group %}
        ranks_found.{{ key }},
        {%- endfor %}
        ranks_found.share,
        sum(ranks_found.weight * values_placed.value) as quantile
    from ranks_found
    inner join values_placed
        on
            {{ equal_columns('ranks_found', 'values_placed', group + ['bucket']) }}
            and ranks_found.wanted_rank <= values_placed.rows_up_to
            and ranks_found.wanted_rank > values_placed.rows_up_to - values_placed.row_count
    group by {% for key in group %}ranks_found.{{ key }}, {% endfor %}ranks_found.share
{%- endmacro %}


{% macro equal_columns(one, other, columns) -%}
    {%- for column in columns -%}
    {{ one }}.{{ column }} = {{ other }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{% macro bucket_of(value) -%}
    {#- A whole number for the first four digits of a number: the same or a higher one for a higher number. -#}
    case
        when {{ value }} = 0 then cast(0 as double)
        else (case when {{ value }} < 0 then -1 else 1 end) * (
            100000 * (400 + floor(log10(abs({{ value }}))))
            + floor(abs({{ value }}) / pow(10, floor(log10(abs({{ value }}))) - 3))
        )
    end
{%- endmacro %}
