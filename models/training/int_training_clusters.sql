{{ nearest_clusters(
    setting('features'),
    clusters_at_most(),
    ref('int_training_features_scaled'),
    ref('int_trained_model')
) }}
