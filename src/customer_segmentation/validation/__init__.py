"""Whether the partition of a k is to be trusted: its stability, and gap statistics.

Both are needed. Four clusters of uniform noise in two features are found again in nearly every resample.
"""
