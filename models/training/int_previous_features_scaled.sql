{{ scale_customer_features(
    clusterable_features(), ref('int_customer_features'), ref('int_previous_scaling')
) }}
