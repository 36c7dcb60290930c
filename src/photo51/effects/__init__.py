"""Variants come in; what the model and its features make of each comes out, both strands, beside random changes of
like length.

Start with `score`, which does it for a file; `scoring` reads windows through the model, `describe` says what a variant
is.
"""
