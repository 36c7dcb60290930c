"""Records of annotation files come in; transcripts, coding frames and annotation classes come out: one model of
genes for every format.

Start with `transcripts` (the model), then `rules` (what becomes a class).
"""
