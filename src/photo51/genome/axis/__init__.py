"""Regions come in; the scored positions of a run, their blocks and splits, and the windows a model reads come out.

Start with `workspace`, the axis on which everything after the model is counted; `genomes` reads it back.
"""
