{% set has_suppressions = setting('suppressions_location') is not none %}

with customer_segments as (
    select * from {{ ref('customer_segments') }}
),

segment_actions as (
    select * from {{ ref('segment_actions') }}
),

export_log as (
    select * from {{ ref('int_export_log') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

{% if has_suppressions -%}
suppressed_customers as (
    select * from {{ ref('int_suppressed_customers') }}
),

{% endif -%}
waves_counted as (
    select
        action_id,
        count(distinct wave) as waves
    from export_log
    group by action_id
),

-- Who is held out is drawn anew for each wave of an action. Whom a later wave reaches depends on what the earlier ones
-- did, so the customers whom they held out are no longer a random part of them.
contact_actions as (
    select
        segment_actions.*,
        row_number() over (
            order by segment_actions.segment_key, segment_actions.action_rank
        ) as action_number,
        concat_ws(
            '|',
            {{ quote_literal(setting('holdout_salt')) }},
            segment_actions.action_id,
            cast(coalesce(waves_counted.waves, 0) + 1 as string)
        ) as draw,
        as_of.as_of_date
    from segment_actions
    cross join as_of
    left join waves_counted
        on segment_actions.action_id = waves_counted.action_id
    where segment_actions.is_contact
),

-- Customers with an override get the actions of the segment that it names.
customers_and_actions as (
    select
        customer_segments.customer_id,
        contact_actions.action_number,
        contact_actions.action_id,
        contact_actions.action_rank,
        contact_actions.repeat_after_days,
        contact_actions.as_of_date
    from customer_segments
    inner join contact_actions
        on customer_segments.segment_name = contact_actions.segment_name
    where
        contact_actions.audience = 'everyone'
        or (contact_actions.audience = 'quiet' and customer_segments.is_quiet)
        or (contact_actions.audience = 'active' and not customer_segments.is_quiet)
),

-- Holdouts count like contacts, so that nothing but the action sets the two groups apart.
contacts_counted as (
    select
        export_log.customer_id,
        count(*) as contacts,
        max(export_log.contact_date) as last_contact_date
    from export_log
    cross join as_of
    where
        {{ dbt.datediff('export_log.contact_date', 'as_of.as_of_date', 'day') }}
        < {{ setting('contact_period_days') }}
    group by export_log.customer_id
),

actions_repeated as (
    select
        customer_id,
        action_id,
        max(contact_date) as last_contact_date
    from export_log
    group by customer_id, action_id
),

looked_up as (
    select
        customers_and_actions.*,
        coalesce(contacts_counted.contacts, 0) as contacts,
        contacts_counted.last_contact_date,
        actions_repeated.last_contact_date as last_action_date,
        coalesce(
            {{ dbt.datediff(
                'actions_repeated.last_contact_date',
                'customers_and_actions.as_of_date',
                'day'
            ) }} < customers_and_actions.repeat_after_days,
            false
        ) as is_repeated,
        {% if has_suppressions -%}
        coalesce(of_customer.reason, of_action.reason) as suppression_reason
        {%- else -%}
        cast(null as string) as suppression_reason
        {%- endif %}
    from customers_and_actions
    left join contacts_counted
        on customers_and_actions.customer_id = contacts_counted.customer_id
    left join actions_repeated
        on
            customers_and_actions.customer_id = actions_repeated.customer_id
            and customers_and_actions.action_id = actions_repeated.action_id
    {%- if has_suppressions %}
    left join suppressed_customers as of_customer
        on
            customers_and_actions.customer_id = of_customer.customer_id
            and of_customer.action_id is null
    left join suppressed_customers as of_action
        on
            customers_and_actions.customer_id = of_action.customer_id
            and customers_and_actions.action_id = of_action.action_id
    {%- endif %}
),

-- The first action of a segment takes the first of the customer's places, and so on. What is the same for all customers
-- of an action is joined afterwards, so that the window holds little for each of them.
placed as (
    select
        customer_id,
        action_number,
        contacts,
        last_contact_date,
        last_action_date,
        is_repeated,
        suppression_reason,
        sum(
            case when suppression_reason is null and not is_repeated then 1 else 0 end
        ) over (
            partition by customer_id
            order by action_rank
            rows between unbounded preceding and current row
        ) as place
    from looked_up
)

select
    ---- ids
    placed.customer_id,
    contact_actions.action_id,
    contact_actions.segment_key,

    ---- strings
    contact_actions.segment_name,
    case
        when placed.suppression_reason is not null then 'suppressed'
        when placed.is_repeated then 'not yet'
        {%- if setting('contact_limit') is not none %}
        when placed.place > {{ setting('contact_limit') }} - placed.contacts
            then 'not yet'
        {%- endif %}
        when
            {{ hash_share("concat_ws('|', contact_actions.draw, placed.customer_id)") }}
            < contact_actions.holdout_share
            then 'holdout'
        else 'treated'
    end as status,
    case
        when placed.suppression_reason is not null then placed.suppression_reason
        when placed.is_repeated
            then concat('this action on ', cast(placed.last_action_date as string))
        {%- if setting('contact_limit') is not none %}
        when
            placed.place > {{ setting('contact_limit') }} - placed.contacts
            and placed.contacts >= {{ setting('contact_limit') }}
            then concat('an action on ', cast(placed.last_contact_date as string))
        when placed.place > {{ setting('contact_limit') }} - placed.contacts
            then 'another action comes first'
        {%- endif %}
    end as status_reason,

    ---- numerics
    contact_actions.action_rank
from placed
inner join contact_actions
    on placed.action_number = contact_actions.action_number
{{ order_customers_by(['customer_id', 'action_rank']) }}
