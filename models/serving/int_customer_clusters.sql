{{ nearest_clusters(
    setting('features'),
    clusters_at_most(),
    ref('int_customer_features_scaled'),
    ref('int_serving_model')
) }}
