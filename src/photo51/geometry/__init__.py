"""Codes and decoder come in; groups of co-active features, the shapes they trace and what varies along them come out.

Start with `stage`, which says the order; `relations` and `clusters` find groups, `shape` and `meaning` describe them.
"""
