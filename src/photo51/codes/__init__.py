"""Sparse codes on the workspace axis: which features fire at which base, on which strand, how strongly."""
