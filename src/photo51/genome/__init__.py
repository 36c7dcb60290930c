"""Files of genomes, annotations and variants come in; sequences, annotation classes, scored positions and windows come
out.

`formats` reads files, `annotation` is the one model of genes behind them, `axis` the scored positions on which
everything later is counted, `variants` and `consequence` what a variant is and does. `preparation` puts it together:
start with `preparation.prepare`, which writes a genome, and `axis.genomes`, which reads it back.
"""
