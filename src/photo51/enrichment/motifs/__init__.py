"""Top-activating windows come in; logos, shapes along the sequence and matches to known motifs come out.

Start with `features`.
"""
