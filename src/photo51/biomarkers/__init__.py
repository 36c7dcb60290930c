"""Variant effects and cohorts come in; comparisons of cases with controls, evidence cards, rules and associations come
out.

Start with `stage` for variants and `cohorts.stage` for individuals; `contrasts` says what is compared with what,
`cards` what is known of one variant.
"""
