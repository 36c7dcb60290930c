"""A DNA model comes in: a checkpoint of one's own, of Evo's or of transformers; bases in, internal states and
probabilities out.

`families` gives one interface to all of them (start with `families.adapters`), `stripedhyena` is the network and what
computes it here, `checkpoints` its weights as files. Training is a room of its own: `photo51.pretraining`.
"""
