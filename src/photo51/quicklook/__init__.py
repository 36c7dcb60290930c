"""A sequence in, a page out, no training: the shipped model and its dictionary read whatever a user has at hand.

In comes a file, an accession or bases; out go bits a base, the named features on both strands, open reading frames,
what is unlike the dictionary's training, and files for genome browsers. Start with `read.py`; `shipping.py` packs the
dictionary.
"""
