"""A sequence or a variant comes in; what features and bases contribute to the model's prediction comes out.

Start with `contributions` and `explain`.
"""
