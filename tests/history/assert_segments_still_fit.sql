-- A warning means that the customers have drifted from those that the model was trained on: retrain with dbt build. The
-- rows list the measures above their thresholds (settings drift_psi_warn, drift_distance_warn and drift_outliers_warn).
{{ config(severity='warn') }}

with drift as (
    select * from {{ ref('int_segment_drift') }}
)

select
    measure,
    subject,
    value,
    training_value,
    threshold,
    concat(
        'the customers have drifted since the model was trained: ',
        replace(measure, '_', ' '), ' of ', subject, ' is ',
        {{ format_number('value', 3) }}, ', above ',
        {{ format_number('threshold', 3) }}, '. Train again: make build.'
    ) as message
from drift
where is_exceeded
