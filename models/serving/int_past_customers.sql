{#-
    What customers did next who once looked like those of today: a sample of the customers as of several days, with the
    segment that each would have been in and the spending that followed. Origin 0 is the as-of date itself, for which
    nothing has followed yet.
-#}
{% set features = setting('features') %}
{% set window = setting('observation_window_days') %}
{% set horizon = setting('value_horizon_days') %}
{#- Origins within a third of the horizon of each other would say nearly the same. Twelve cover a year and the horizon
    before it if that is 90 days. -#}
{% set days_apart = [horizon // 3, 1] | max %}
{% set origins_at_most = 12 %}
{% set ids = ['origin', 'customer_id'] %}
{#- Any other feature, such as an attribute, is taken to have been what it is today. -#}
{% set features_of_today = features | reject('in', [
    'total_spending', 'total_quantity', 'transaction_count', 'days_since_signup', 'days_since_last_transaction',
    'average_transaction_value',
]) | list %}

with customers as (
    select * from {{ ref('int_customers_checked') }}
),

transactions as (
    select * from {{ ref('int_transactions_checked') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

scaling as (
    select * from {{ ref('int_serving_scaling') }}
),

model as (
    select * from {{ ref('int_serving_model') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

customer_activity as (
    select * from {{ ref('int_customer_activity') }}
),

typical as (
    select max(typical_interval_days) as typical_interval_days
    from customer_activity
),

sampled as (
    select
        customers.customer_id,
        customers.signup_date,
        {%- for feature in features_of_today %}
        customer_features.{{ feature }},
        {%- endfor %}
        customer_features.first_purchase_date
    from customers
    inner join customer_features
        on customers.customer_id = customer_features.customer_id
    where customers.failed_rules is null
    order by md5(customers.customer_id), customers.customer_id
    limit {{ setting('value_sample_size') }}
),

-- A line from before today's window was within the window of an earlier origin.
lines as (
    select
        transactions.customer_id,
        transactions.transaction_id,
        transactions.transaction_date,
        transactions.is_return,
        sum(transactions.amount) as amount,
        sum(transactions.quantity) as quantity,
        count(*) as line_count
    from transactions
    inner join sampled
        on transactions.customer_id = sampled.customer_id
    where coalesce(transactions.failed_rules, '') in ('', 'before_observation_window')
    group by
        transactions.customer_id,
        transactions.transaction_id,
        transactions.transaction_date,
        transactions.is_return
),

-- A purchase counts once, also if it has lines of several days: its first line counts for it.
lines_followed as (
    select
        *,
        case
            when transaction_id is not null
                then lag(transaction_date) over (
                    partition by customer_id, transaction_id, is_return
                    order by transaction_date
                )
        end as earlier_date
    from lines
),

origins_numbered as (
    select
        as_of_date,
        {{ series_from_zero(origins_at_most) }} as origin
    from as_of
),

origins_dated as (
    select
        cast(origin as integer) as origin,
        case
            when origin = 0 then as_of_date
            else as_of_date
                + cast((1 - origin) * {{ days_apart }} - {{ horizon }} as integer)
        end as origin_date
    from origins_numbered
),

history as (
    select min(transaction_date) as first_date
    from lines
    where not is_return
),

-- Before an origin, the purchases of at least so many days are known.
origins as (
    select
        origins_dated.origin,
        origins_dated.origin_date
    from origins_dated
    cross join history
    where
        origins_dated.origin = 0
        or {{ dbt.datediff(
            'history.first_date', 'origins_dated.origin_date', 'day'
        ) }} >= {{ days_apart }}
),

known as (
    select
        origins.origin,
        origins.origin_date,
        sampled.customer_id,
        sampled.signup_date,
        {%- for feature in features_of_today %}
        sampled.{{ feature }},
        {%- endfor %}
        case
            when sampled.first_purchase_date <= origins.origin_date
                then sampled.first_purchase_date
        end as first_purchase_date
    from sampled
    cross join origins
),

lines_placed as (
    select
        origins.origin,
        lines_followed.customer_id,
        lines_followed.transaction_date,
        lines_followed.is_return,
        lines_followed.amount,
        lines_followed.quantity,
        lines_followed.transaction_date > origins.origin_date as is_after,
        {% if window is none -%}
        lines_followed.transaction_date <= origins.origin_date as is_before,
        lines_followed.earlier_date is not null as has_counted
        {%- else -%}
        lines_followed.transaction_date <= origins.origin_date
        and {{ dbt.datediff(
            'lines_followed.transaction_date', 'origins.origin_date', 'day'
        ) }} < {{ window }} as is_before,
        coalesce(
            {{ dbt.datediff(
                'lines_followed.earlier_date', 'origins.origin_date', 'day'
            ) }} < {{ window }},
            false
        ) as has_counted
        {%- endif %},
        -- As in int_customer_features: a line without a transaction id is a purchase of its own.
        case
            when lines_followed.transaction_id is null then lines_followed.line_count
            else 1
        end as purchases
    from lines_followed
    inner join origins
        on
            {{ dbt.datediff(
                'origins.origin_date', 'lines_followed.transaction_date', 'day'
            ) }} <= {{ horizon }}
),

-- Returns are not purchases.
purchases_summed as (
    select
        origin,
        customer_id,
        cast(sum(case when is_before then amount end) as decimal(38, 2))
            as total_spending,
        cast(sum(case when is_before then quantity end) as decimal(38, 3))
            as total_quantity,
        cast(
            sum(case when is_before and is_return then -amount end)
            as decimal(38, 2)
        ) as returned_amount,
        cast(
            sum(
                case
                    when is_before and not is_return and not has_counted
                        then purchases
                    else 0
                end
            ) as bigint
        ) as transaction_count,
        min(case when is_before and not is_return then transaction_date end)
            as first_date,
        max(case when is_before and not is_return then transaction_date end)
            as last_date,
        cast(sum(case when is_after then amount end) as decimal(38, 2))
            as spending_after,
        max(case when is_after and not is_return then 1 else 0 end)
            as has_bought_after
    from lines_placed
    group by origin, customer_id
),

known_dated as (
    select
        known.*,
        {{ customer_since('known.signup_date', 'known.first_purchase_date') }}
            as customer_since
    from known
),

-- Those who were customers by then. Without a date, as in the input today, nobody knows since when.
past_features as (
    select
        known_dated.origin,
        known_dated.origin_date,
        known_dated.customer_id,
        coalesce(purchases_summed.transaction_count, 0) > 0 as is_clustered,
        coalesce(purchases_summed.total_spending, cast(0 as decimal(38, 2)))
            as total_spending,
        {% if input_mapping('transactions').get('quantity') -%}
        coalesce(purchases_summed.total_quantity, cast(0 as decimal(38, 3)))
            as total_quantity,
        {% else -%}
        cast(null as decimal(38, 3)) as total_quantity,
        {% endif -%}
        coalesce(purchases_summed.transaction_count, 0) as transaction_count,
        coalesce(purchases_summed.returned_amount, cast(0 as decimal(38, 2)))
            as returned_amount,
        known_dated.first_purchase_date,
        cast(
            case
                when known_dated.customer_since > known_dated.origin_date then 0
                else {{ dbt.datediff(
                    'known_dated.customer_since', 'known_dated.origin_date', 'day'
                ) }}
            end as bigint
        ) as days_since_signup,
        cast(
            {{ dbt.datediff(
                'purchases_summed.last_date', 'known_dated.origin_date', 'day'
            ) }} as bigint
        ) as days_since_last_transaction,
        {{ divide(
            'purchases_summed.total_spending', 'purchases_summed.transaction_count'
        ) }} as average_transaction_value,
        {%- for feature in features_of_today %}
        known_dated.{{ feature }},
        {%- endfor %}
        cast(
            {{ dbt.datediff(
                'purchases_summed.first_date', 'purchases_summed.last_date', 'day'
            ) }} as bigint
        ) as purchase_span_days,
        coalesce(purchases_summed.spending_after, cast(0 as decimal(38, 2)))
            as spending_after,
        coalesce(purchases_summed.has_bought_after, 0) = 1 as has_bought_after
    from known_dated
    left join purchases_summed
        on
            known_dated.origin = purchases_summed.origin
            and known_dated.customer_id = purchases_summed.customer_id
    where
        (
            known_dated.origin = 0
            or known_dated.customer_since <= known_dated.origin_date
        )
        and {{ computed_once() }}
),

{{ scale_customer_features(features, customers='past_features', ids=ids) }},

moments as (
    select
        origin,
        {%- for feature in features %}
        {{ divide(exact_sum(feature), 'count(*)') }} as {{ feature }}_mean,
        {{ divide(exact_sum(feature ~ ' * ' ~ feature), 'count(*)') }}
            as {{ feature }}_square
        {{- ',' if not loop.last }}
        {%- endfor %}
    from scaled
    group by origin
),

spreads as (
    select
        origin,
        {%- for feature in features %}
        {{ feature }}_mean,
        sqrt(
            greatest(
                {{ feature }}_square - {{ feature }}_mean * {{ feature }}_mean, 0
            )
        ) as {{ feature }}_spread
        {{- ',' if not loop.last }}
        {%- endfor %}
    from moments
),

-- Totals and tenures grow with time, so the same values meant something else then. A past customer looks like a
-- customer of today with the same standing among those of the day: as many standard deviations from their mean.
placed as (
    select
        scaled.origin,
        scaled.customer_id,
        {%- for feature in features %}
        case
            when scaled.origin = 0 then scaled.{{ feature }}
            else
                today.{{ feature }}_mean
                + coalesce(
                    (scaled.{{ feature }} - spreads.{{ feature }}_mean)
                    / nullif(spreads.{{ feature }}_spread, 0),
                    0
                ) * today.{{ feature }}_spread
        end as {{ feature }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from scaled
    inner join spreads
        on scaled.origin = spreads.origin
    inner join spreads as today
        on today.origin = 0
),

{{ nearest_clusters(features, clusters_at_most(), customers='placed', ids=ids) }}

select
    ---- ids
    past_features.origin,
    past_features.customer_id,
    case
        when past_features.is_clustered then model.segment_key
        else {{ unclustered_segment_key(
            'past_features.first_purchase_date', 'past_features.returned_amount'
        ) | indent(8) }}
    end as segment_key,

    ---- booleans
    past_features.is_clustered,
    coalesce(
        past_features.is_clustered
        and past_features.days_since_last_transaction
        > {{ setting('quiet_after_intervals') }}
        * {{ usual_interval_days('past_features') }},
        false
    ) as is_quiet,
    case when past_features.origin > 0 then past_features.has_bought_after end
        as has_bought_after,

    ---- numerics
    past_features.total_spending,
    past_features.transaction_count,
    past_features.purchase_span_days,
    past_features.days_since_last_transaction,
    case when past_features.origin > 0 then past_features.spending_after end
        as spending_after,

    ---- dates
    past_features.origin_date
from past_features
cross join typical
left join nearest
    on
        past_features.origin = nearest.origin
        and past_features.customer_id = nearest.customer_id
left join model
    on nearest.cluster = model.cluster
