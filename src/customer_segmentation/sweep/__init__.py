"""KMeans for every k in one sweep.

`sweep.sweep` calls the other modules in this order: sources, sampling, search, lloyd, metrics, silhouette, selection.
The inner loops are implemented twice, in compiled_loops (numba) and reference_loops (NumPy); results are bit-identical.
"""
