"""The Python of the project: fitting KMeans for many k at once, publications, and the warehouse file."""
