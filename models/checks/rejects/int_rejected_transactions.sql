{#- The rows as they came are found by their hashes, in the parts that have them, and those found once are kept. -#}
{% set previous = earlier_version('row_hash') if is_read_in_parts() and not flags.FULL_REFRESH %}
{% do input_relation('transactions') if is_read_by_load() %}
{% set parts = parts_with_unknown_rows(previous) %}

-- depends_on: {{ ref('stg_shop__transactions') }}

with checked as (
    select * from {{ ref('int_transactions_checked') }}
    where failed_rules is not null
),

input_rows as (
    {% if parts -%}
    -- depends_on: {{ ref('base_shop__transactions') }}
    {{ transactions_as_text(relation_of_parts(parts)) }}
    {%- else -%}
    select
        row_hash,
        raw_row
    from {{ ref('base_shop__transactions') }}
    {{ 'where false' if parts is not none }}
    {%- endif %}
),

raw_rows as (
    select
        input_rows.row_hash,
        {{ to_json('input_rows.raw_row') }} as raw_row
    from input_rows
    where
        input_rows.row_hash in (
            select checked.row_hash from checked
        )
    {%- if previous %}
    union all
    select
        row_hash,
        raw_row
    from {{ previous }}
    {%- endif %}
),

raw_rows_once as (
    select
        row_hash,
        min(raw_row) as raw_row
    from raw_rows
    group by row_hash
)

select
    checked.input_row,
    checked.input_file,
    checked.row_hash,
    split_part(checked.failed_rules, ', ', 1) as first_failed_rule,
    checked.failed_rules,
    {% if flags.EMPTY or model.resource_type == 'unit_test' -%}
    raw_rows_once.raw_row
    {%- else -%}
    coalesce(raw_rows_once.raw_row, {{ raise_error(quote_literal(
        'A rejected row of the transactions is not found when they are read once more.'
        ~ ' If they are a view with a column such as now(), leave the column out, or'
        ~ ' store the view as a table; if a file has changed during the run, run again.'
    )) }}) as raw_row
    {%- endif %}
from checked
left join raw_rows_once
    on checked.row_hash = raw_rows_once.row_hash
