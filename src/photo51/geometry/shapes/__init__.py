"""Groups of co-active features come in; points, dimension, holes and coordinates, each beside its null, come out.

Start with `manifolds`.
"""
