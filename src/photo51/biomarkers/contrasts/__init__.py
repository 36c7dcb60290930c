"""Scores of cases and controls come in; tests and classifiers that tell them apart, beside baselines, come out.

Start with `comparison`.
"""
