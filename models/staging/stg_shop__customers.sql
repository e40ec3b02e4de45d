with customers as (
    select * from {{ ref('base_shop__customers') }}
),

cleaned as (
    select
        input_row,
        {{ clean_id('customer_id') }} as customer_id,
        {%- for attribute in attribute_names() %}
        {{ clean_text(attribute) }} as {{ attribute }},
        {%- endfor %}
        {{ clean_text('signup_date') }} as signup_date_text
    from customers
),

typed as (
    select
        *,
        {{ parse_date('signup_date_text') }} as signup_date
    from cleaned
)

select
    ---- ids
    input_row,
    customer_id,

    ---- strings
    {{ failed_rules({
        'missing_customer_id': 'customer_id is null',
        'unparsable_signup_date':
            'signup_date_text is not null and signup_date is null',
        'signup_in_future': 'signup_date > ' ~ run_date(),
        'signup_implausible':
            "signup_date < cast('" ~ setting('earliest_signup_date') ~ "' as date)",
    }) }} as failed_rules,
    {%- for attribute in attribute_names() %}
    {{ attribute }},
    {%- endfor %}

    ---- dates
    signup_date
from typed
