"""Worlds of which the truth is known because it was planted: genomes, features, manifolds, variants, cohorts."""
