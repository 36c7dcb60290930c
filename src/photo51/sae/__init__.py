"""Activations come in; a dictionary of features comes out, with its quality beside baselines; dictionaries of others
are read too.

Start with `dictionary`; `training` learns one, `quality` measures it, `formats` reads those of other libraries.
"""
