"""Codes come in; one row a feature comes out: how often, how strongly and where it is active, and how faithful the
dictionary is.

Start with `table`; `encode` makes codes from a dictionary, `window_offsets` reads bases again,
by windows that begin elsewhere.
"""
