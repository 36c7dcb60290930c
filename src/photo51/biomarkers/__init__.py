"""Variant effects and cohorts come in; comparisons of cases with controls, evidence cards, rules and associations come
out.

Start with `stage` for variants and `cohort_stage` for individuals; `comparison` says what is compared with what.
"""
