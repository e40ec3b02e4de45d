"""How far the partition of each k can be trusted: its stability, and gap statistics.

Both are needed: four clusters of uniform noise in two features are stable in nearly every resample.
"""
