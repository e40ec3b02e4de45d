{{ config(enabled=setting('suppressions_location') is not none) }}

with suppressions as (
    select * from {{ ref('base_shop__suppressions') }}
),

cleaned as (
    select
        input_row,
        {{ clean_id('customer_id') }} as customer_id,
        {{ clean_text('action_id') }} as action_id,
        {{ clean_text('reason') }} as reason,
        {{ clean_text('until') }} as until_text
    from suppressions
),

typed as (
    select
        *,
        {{ parse_date('until_text') }} as until
    from cleaned
)

-- A day that cannot be read counts as no end: a doubt must not lead to a contact.
select
    ---- ids
    input_row,
    customer_id,
    action_id,

    ---- strings
    {{ failed_rules({
        'suppression_without_customer_id': 'customer_id is null',
    }) }} as failed_rules,
    reason,

    ---- booleans
    until_text is not null and until is null as is_until_unparsable,

    ---- dates
    until
from typed
