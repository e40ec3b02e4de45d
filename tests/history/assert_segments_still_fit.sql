-- A warning means that the customers are no longer those that the model was trained with: refit with dbt build. The
-- rows name what crossed its threshold (settings drift_psi_warn, drift_distance_warn and drift_outliers_warn).
{{ config(severity='warn') }}

with drift as (
    select * from {{ ref('int_segment_drift') }}
)

select
    measure,
    subject,
    value,
    training_value,
    threshold
from drift
where is_exceeded
