"""Genotypes and phenotypes of a cohort come in; feature burdens and their tests, corrected for lineage, come out.

Start with `stage` and `cohort`.
"""
