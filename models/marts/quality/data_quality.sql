{% set transaction_flags = {
    'return': 'is_return',
    'zero_amount': 'amount = 0',
    'rounded_amount': 'is_amount_rounded',
    'missing_quantity': 'quantity is null' if input_mapping('transactions').get('quantity') else 'false',
    'before_signup': 'transaction_date < signup_date',
} %}
{% set customer_flags = {
    'missing_signup_date': 'had_no_signup_date' if has_signups() else 'false',
    'no_purchase': 'first_purchase_date is null',
    'nothing_spent_net': 'is_clustered and total_spending <= 0',
} %}
{% set suppression_flags = {
    'customer_id_written_otherwise': 'is_id_written_otherwise',
    'unparsable_until': 'is_until_unparsable',
    'unknown_action_id': 'is_action_unknown',
} if setting('suppressions_location') is not none else {} %}

with customers as (
    select * from {{ ref('int_customers_checked') }}
),

customer_features as (
    select * from {{ ref('int_customer_features') }}
),

customer_months as (
    select * from {{ ref('int_customer_months') }}
),

rule_catalogue as (
    select * from {{ ref('int_rule_catalogue') }}
),

{% if suppression_flags -%}
suppressions as (
    select * from {{ ref('int_suppressions_checked') }}
),

{% endif -%}

-- Rows that break the same rules are counted together before the rules are told apart. Both readers of the lines have
-- their own, since DuckDB would store those of a CTE that two read. Sail cannot write count(*) of this to Delta Lake.
transactions_counted as (
    select
        failed_rules,
        sum(1) as row_count,
        sum(amount) as amount
    from {{ ref('int_transactions_checked') }}
    group by failed_rules
),

-- A row that breaks several rules counts under the first of them, so that used and rejected rows add up to the input.
rows_united as (
    select
        'transactions' as input,
        coalesce(split_part(failed_rules, ', ', 1), 'used') as rule,
        row_count,
        amount
    from transactions_counted
    union all
    select
        'customers' as input,
        coalesce(split_part(failed_rules, ', ', 1), 'used') as rule,
        1 as row_count,
        cast(null as decimal(38, 2)) as amount
    from customers
    {%- if suppression_flags %}
    union all
    select
        'suppressions' as input,
        coalesce(failed_rules, 'used') as rule,
        1 as row_count,
        cast(null as decimal(38, 2)) as amount
    from suppressions
    {%- endif %}
),

rules_counted as (
    select
        input,
        case when rule = 'used' then 'used' else 'rejected' end as outcome,
        rule,
        cast(sum(row_count) as bigint) as row_count,
        sum(amount) as amount
    from rows_united
    group by input, rule
),

inputs_counted as (
    select
        input,
        sum(row_count) as input_rows
    from rules_counted
    group by input
),

-- Valid rows, which are flagged below.
valid_customers as (
    select
        customers.customer_id,
        customers.signup_date,
        customers.signup_date is null as had_no_signup_date,
        customer_features.is_clustered,
        customer_features.first_purchase_date,
        customer_features.total_spending
    from customers
    inner join customer_features
        on customers.customer_id = customer_features.customer_id
    where customers.failed_rules is null
),

valid_transactions as (
    select
        transactions.*,
        valid_customers.signup_date
    from {{ ref('int_transactions_checked') }} as transactions
    inner join valid_customers
        on transactions.customer_id = valid_customers.customer_id
    where transactions.failed_rules is null
),

transactions_flagged as (
    select
        {%- for rule, condition in transaction_flags.items() %}
        {%- do catalogued_rule(rule) %}
        count(case when {{ condition }} then 1 end) as {{ rule }}_rows,
        sum(case when {{ condition }} then amount end) as {{ rule }}_amount
        {{- ',' if not loop.last }}
        {%- endfor %}
    from valid_transactions
),

customers_flagged as (
    select
        {%- for rule, condition in customer_flags.items() %}
        {%- do catalogued_rule(rule) %}
        count(case when {{ condition }} then 1 end) as {{ rule }}_rows
        {{- ',' if not loop.last }}
        {%- endfor %}
    from valid_customers
),

{% set of_transactions, of_customers = [], [] -%}
{%- for rule in transaction_flags %}
{%- do of_transactions.append({
    'input': "'transactions'", 'rule': quote_literal(rule),
    'row_count': rule ~ '_rows', 'amount': rule ~ '_amount',
}) %}
{%- endfor %}
{%- for rule in customer_flags %}
{%- do of_customers.append({
    'input': "'customers'", 'rule': quote_literal(rule),
    'row_count': rule ~ '_rows', 'amount': 'cast(null as decimal(38, 2))',
}) %}
{%- endfor -%}
flags_united as (
    {{- expand_rows('transactions_flagged', [], of_transactions) }}
    union all
    {{- expand_rows('customers_flagged', [], of_customers) }}
    union all
    {%- for rule, condition in suppression_flags.items() %}
    {%- do catalogued_rule(rule) %}
    select
        'suppressions' as input,
        '{{ rule }}' as rule,
        count(*) as row_count,
        cast(null as decimal(38, 2)) as amount
    from suppressions
    where failed_rules is null and {{ condition }}
    union all
    {%- endfor %}
    select
        'transactions' as input,
        'identical_line' as rule,
        cast(coalesce(sum(repeated_lines), 0) as bigint) as row_count,
        cast(sum(repeated_amount) as decimal(38, 2)) as amount
    from customer_months
),

outcomes_united as (
    select
        input,
        outcome,
        rule,
        row_count,
        amount
    from rules_counted
    union all
    select
        input,
        'flagged' as outcome,
        rule,
        row_count,
        amount
    from flags_united
    where row_count > 0
)

select
    ---- strings
    outcomes_united.input,
    case
        outcomes_united.input
        {%- for input in input_names() %}
        when '{{ input }}' then {{ input_name(input) }}
        {%- endfor %}
    end as location,
    outcomes_united.outcome,
    outcomes_united.rule,
    case
        when outcomes_united.outcome = 'used' then 'Used'
        else coalesce(rule_catalogue.label, outcomes_united.rule)
    end as label,
    rule_catalogue.remedy,

    ---- numerics
    outcomes_united.row_count,
    cast(outcomes_united.amount as decimal(38, 2)) as amount,
    {{ divide('outcomes_united.row_count', 'inputs_counted.input_rows') }} as share
from outcomes_united
inner join inputs_counted
    on outcomes_united.input = inputs_counted.input
left join rule_catalogue
    on outcomes_united.rule = rule_catalogue.rule
order by
    outcomes_united.input desc,
    case outcomes_united.outcome
        when 'used' then 1
        when 'rejected' then 2
        else 3
    end asc,
    outcomes_united.rule asc
