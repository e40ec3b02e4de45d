{{ scale_customer_features(
    setting('features'), ref('int_customer_features'), ref('int_feature_scaling')
) }}
