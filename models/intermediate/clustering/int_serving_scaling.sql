{{ scaling_of(ref('int_model_register'), ref('int_serving_model')) }}
