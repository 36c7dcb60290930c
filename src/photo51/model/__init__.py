"""A DNA model in: a checkpoint of one's own, of Evo's or of transformers; bases in, internal states and probabilities
out.

Start with `adapters`: `load_model` gives one face to all of them; `modeling` is the network, `cpu` and `fused` compute
it here.
"""
