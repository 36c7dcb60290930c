"""Prepared genomes and codes come in; annotation classes as masks, and everything that reads bases as one kind of
representation, come out.

Start with `classes` and `readout`; `design` says which tests a run makes, `composition` what is adjusted for.
"""
