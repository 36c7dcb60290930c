"""A model's name comes in; one interface for every family of models comes out.

Start with `adapters` and `interface`; `native` and `huggingface` are the two families.
"""
