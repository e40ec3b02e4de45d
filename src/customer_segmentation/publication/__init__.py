"""Publications, which readers query instead of the warehouse, and the warehouse file itself.

`python -m customer_segmentation.publication` is the command line. Every `make build` starts it, so nothing in this
package imports pandas, numba or altair.
"""
