"""The Python package of the warehouse.

sweep/ fits KMeans for every k and computes the metrics of the partitions; validation/ measures how stable each
partition is and whether its clusters are natural groups; report/ writes the page; publication/ copies the marts to
where readers query them. Each Python model in models/training reads its parents, calls one function of this package,
and returns its table.
"""
