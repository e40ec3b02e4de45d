{{ list_of_model('ks', ref('int_model_register'), ref('int_serving_model')) }}
