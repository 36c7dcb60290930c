"""Codes and annotations come in; what each feature marks comes out: tests, concepts on held-out blocks, motifs, names,
novelty.

Start with `enrich_stage` and `pairs` (the tests), then `concepts`, and `names`, the only place where a feature is
named.
"""
