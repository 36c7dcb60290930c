"""`genomes.tsv` comes in; contigs, sequences, annotation tables and scored positions come out.

Start with `prepare`; `sources` reads the files of one genome together.
"""
