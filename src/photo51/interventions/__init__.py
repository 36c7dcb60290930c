"""Interventions and attribution: steer, clamp, paint, react, explain, with the controls that make it proof.

`edits` changes codes at a site, `generate` writes sequence, `steer` compares four arms, `rules` reacts while a
sequence is written, `canvas` and `painting` put concepts where a BED file says, `attribution` says why, `causality`
and `exchange` measure how much.
"""
