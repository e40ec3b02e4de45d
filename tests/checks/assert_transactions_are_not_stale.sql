-- A warning means that the newest transaction is older than the setting stale_after_days allows, as after a failed
-- load.
{{ config(severity='warn') }}

with as_of as (
    select * from {{ ref('int_as_of_date') }}
)

select
    as_of_date as newest_transaction_date,
    concat(
        'the newest transaction is of ', cast(as_of_date as string), ', older than the',
        ' setting stale_after_days allows. Check that the last load succeeded.'
    ) as message
from as_of
where
    {{ setting('stale_after_days') is not none }}
    and as_of_date < {{ run_date() }} - {{ setting('stale_after_days') or 0 }}
