"""Tokens and weights come in; exact codes come out, by compiled workers, the same on every machine, thread and batch.

Start with `encoder`; the rest of the package uses it and `kernels` alone.
"""
