"""Codes come in; which features fire together, how directly, and at what offset come out.

Start with `tokens` and `coactivity`.
"""
