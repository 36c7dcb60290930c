"""A dictionary comes in; what it explains, recovers and shares with other seeds, next to baselines, comes out.

Start with `measures` and `report`.
"""
