"""Dictionaries of other tools come in, and go out, without those tools.

Start with `convert`.
"""
