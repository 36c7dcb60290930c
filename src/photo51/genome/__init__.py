"""Genomes: reading them, annotating them, choosing the bases a model is to score."""
