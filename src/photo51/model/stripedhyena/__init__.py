"""Token ids come in; hidden states and logits come out, the same numbers with gradients, from a cache, or at a CPU's
speed.

Start with `modeling` (the network) and `layers` (its parts); `cpu` computes it sooner, `walk` in chunks.
"""
