"""A dictionary comes in; what it explains, recovers and shares with other seeds, beside baselines, comes out.

Start with `measures` and `report`.
"""
