"""A corpus and a model come in; what the corpus would teach, and a manifest of proposals, come out.

Start with `debugging`.
"""
