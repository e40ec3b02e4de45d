{#- After the training, so that whatever trains anew makes this anew too. -#}
-- depends_on: {{ ref('int_trained_model') }}
{{ scaling_of(stored_models(), ref('int_previous_model')) }}
