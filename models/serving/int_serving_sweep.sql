{{ stored_rows('ks', ref('int_model_register'), ref('int_serving_model')) }}
