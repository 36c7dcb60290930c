"""Representations come in; what each knows of an annotation class on held-out blocks, and feature names, come out.

Start with `evaluation`; `few` judges classes of few instances, `names` is the only place where a feature is named.
"""
