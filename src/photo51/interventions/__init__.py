"""Interventions and attribution: steer, clamp, paint, react, explain, each beside its controls.

Start with `opening` (model, dictionary and names of a run). `edits` changes activations at a site, `writing` writes
sequence under edits, canvases and rules, `attribution` says why, `steering` compares four arms. `outputs` leaves the
tables.
"""
