"""Features and annotation classes come in; exact rotation p-values, adjusted tests and q-values come out.

Start with `stage` and `pairs`; `gather` makes families of all parts.
"""
