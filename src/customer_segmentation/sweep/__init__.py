"""KMeans for every k at once, in the order of the work.

sources -> sampling -> search -> lloyd -> metrics and silhouette -> selection, which `sweep.sweep` puts together. The
inner loops exist twice: compiled_loops (numba) and reference_loops (NumPy), which agree to the last bit.
"""
