"""Activations come in; a dictionary of features comes out, with its quality compared with baselines; dictionaries of
others are read too.

Start with `dictionary` and its `rules`; `engine` computes exact codes, `training` learns a dictionary, `quality`
measures it, `formats` reads those of other libraries.
"""
