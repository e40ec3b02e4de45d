{#- One row per k. A model that was stored before this was measured has none. -#}
{{ list_of_model('trusts', ref('int_model_register'), ref('int_serving_model')) }}
