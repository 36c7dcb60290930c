"""Codes of bacterial genomes come in; scores of structures that a good model must show, beside their baselines, come
out.

Start with `positive_controls`.
"""
