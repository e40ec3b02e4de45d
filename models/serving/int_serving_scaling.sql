{{ stored_scaling(ref('int_model_register'), ref('int_serving_model')) }}
