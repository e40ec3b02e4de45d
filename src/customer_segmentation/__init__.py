"""The arithmetic behind the model int_kmeans_sweep: fitting KMeans for many k at once, and measuring the partitions."""
