"""All features come in; those that are reproducible, strong and explained by nothing known come out, ranked.

Start with `ranking`; `hidden` tests the ranking by leaving one annotation out at a time.
"""
