{{ stored_scaling(stored_models(), ref('int_previous_model')) }}
