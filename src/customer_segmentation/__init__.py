"""The Python of the warehouse.

sweep/ fits KMeans for every k and measures the partitions; validation/ measures whether a k is to be trusted;
report/ writes the page; publication/ copies the marts to where readers find them. The Python models in models/training
read their parents, call one function of this package, and return its table.
"""
