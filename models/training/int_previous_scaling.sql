{#- After the training, so that whatever trains anew makes this anew too. -#}
-- depends_on: {{ ref('int_trained_model') }}
{{ stored_scaling(stored_models(), ref('int_previous_model')) }}
