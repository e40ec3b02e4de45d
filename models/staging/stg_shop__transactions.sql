{#- A table on DuckDB, so that a build reads the input once. It reads each part of the input, such as a file of a
    pattern, only while it is new: macros/new_parts.sql. -#}
{% set kept_as = 'incremental' if is_read_in_parts() else 'table' %}
{{ config(
    materialized=kept_as if target.type == 'duckdb' else 'view',
    incremental_strategy='append',
    pre_hook="{{ delete_outdated_lines() }}" if is_read_in_parts() else []
) }}
{% do input_relation('transactions') if is_read_by_load() %}
{% set has_line_id = 'line_id' in setting('unique_key') %}
{% set has_currency = 'currency' in input_mapping('transactions') %}
{% set plan = plan_lines()
    if execute and is_read_in_parts() and flags.WHICH in ('build', 'run') and model.resource_type == 'model'
    and model.config.materialized == 'incremental' %}

with transactions as (
    {% if plan and plan.are_new and plan.parts -%}
    -- depends_on: {{ ref('base_shop__transactions') }}
    {{ transactions_as_text(relation_of_parts(plan.parts)) }}
    {%- else -%}
    select * from {{ ref('base_shop__transactions') }}
    {{ 'where false' if plan and plan.are_new }}
    {%- endif %}
),
{% if plan %}
input_parts as (
    {{- input_parts_rows(plan) }}
),
{% endif %}
cleaned as (
    select
        input_row,
        input_file,
        row_hash,
        is_excluded,
        {%- for attribute in transaction_attribute_names() %}
        {{ clean_text(attribute) }} as attribute_{{ attribute }},
        {%- endfor %}
        {{ clean_id('transaction_id') }} as transaction_id,
        {% if has_line_id -%}
        {{ clean_id('line_id') }} as line_id,
        {% endif -%}
        {{ clean_id('customer_id') }} as customer_id,
        {{ clean_text('transaction_date') }} as transaction_date_text,
        {{ clean_text('quantity') }} as quantity_text,
        {{ clean_text('amount') }} as amount_text,
        {{ clean_text('unit_price') }} as unit_price_text,
        {{ clean_text('currency') }} as currency,
        {{ clean_text('return_flag') }} as return_flag
    from transactions
),

typed as (
    select
        *,
        {{ parse_date('transaction_date_text') }} as transaction_date,
        {{ parse_decimal('quantity_text', 'decimal(18, 3)') }} as quantity_signed,
        {% if input_mapping('transactions').get('amount') -%}
        amount_text is null as is_amount_missing,
        {{ parse_decimal('amount_text', 'decimal(18, 2)') }} as amount_signed,
        case
            when {{ may_have_decimals_beyond('amount_text', 2) }}
                then {{ parse_decimal('amount_text', 'decimal(38, 12)') }}
        end as amount_exact,
        {% else -%}
        -- Without a mapped amount, the amount of a line is its quantity times its unit price.
        unit_price_text is null or quantity_text is null as is_amount_missing,
        try_cast(
            {{ parse_decimal('unit_price_text', 'decimal(18, 6)') }}
            * {{ parse_decimal('quantity_text', 'decimal(18, 3)') }} as decimal(18, 2)
        ) as amount_signed,
        {{ parse_decimal('unit_price_text', 'decimal(18, 6)') }}
        * {{ parse_decimal('quantity_text', 'decimal(18, 3)') }} as amount_exact,
        {% endif -%}
        coalesce(
            {%- if setting('return_id_prefix') is not none %}
            left(transaction_id, {{ setting('return_id_prefix') | length }})
            = {{ quote_literal(setting('return_id_prefix')) }},
            {%- endif %}
            false
        )
        or {{ is_return_value('return_flag') }} as is_marked_return
    from cleaned
),

-- A return reduces spending and quantity, whatever sign it has in the input.
signed as (
    select
        *,
        is_marked_return or coalesce(amount_signed < 0, false) as is_return,
        case
            when is_marked_return then cast(-abs(amount_signed) as decimal(18, 2))
            else amount_signed
        end as amount,
        case
            when is_marked_return or amount_signed < 0
                then cast(-abs(quantity_signed) as decimal(18, 3))
            else quantity_signed
        end as quantity
    from typed
)

select
    ---- ids
    signed.input_row,
    signed.row_hash,
    signed.input_file,
    {{ 'input_parts.input_version' if plan else 'cast(null as string)' }}
        as input_version,
    signed.transaction_id,
    signed.customer_id,

    ---- strings
    {{ failed_rules({
        'excluded_line': 'is_excluded',
        'missing_customer_id': 'customer_id is null',
        'missing_date': 'transaction_date_text is null',
        'unparsable_date':
            'transaction_date_text is not null and transaction_date is null',
        'date_in_future': 'transaction_date > ' ~ run_date(),
        'missing_amount': 'is_amount_missing',
        'unparsable_amount': 'not is_amount_missing and amount is null',
        'unparsable_quantity': 'quantity_text is not null and quantity is null',
        'missing_currency': 'currency is null' if has_currency else 'false',
    }) }} as failed_rules,
    signed.currency,
    signed.return_flag,
    {%- if has_line_id %}
    signed.line_id,
    {%- endif %}
    {%- for attribute in transaction_attribute_names() %}
    signed.attribute_{{ attribute }},
    {%- endfor %}

    ---- numerics
    signed.quantity,
    signed.amount,

    ---- booleans
    signed.is_return,
    coalesce(signed.amount_signed != signed.amount_exact, false)
        as is_amount_rounded,

    ---- dates
    signed.transaction_date
from signed
{%- if plan %}
inner join input_parts
    on signed.input_file = input_parts.input_file
{%- endif %}
