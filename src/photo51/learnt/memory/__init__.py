"""A model and its corpus come in; what it recites, and a model that recites less, come out.

Start with `exposure`; `pruning` is one edit from beginning to end.
"""
