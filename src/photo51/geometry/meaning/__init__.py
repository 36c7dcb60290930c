"""Coordinates and annotations come in; what varies along each coordinate, under rotation, comes out.

Start with `correlates`; `direct` is the baseline without a dictionary.
"""
