"""A variant comes in; its evidence card comes out, or the sentence why there is none.

Start with `evidence`.
"""
