{#- One row per k. A model that was stored before this was measured has none. -#}
{{ stored_rows('validations', ref('int_model_register'), ref('int_serving_model')) }}
