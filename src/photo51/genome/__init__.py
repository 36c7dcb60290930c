"""Files of genomes, annotations and variants come in; sequences, annotation classes, scored positions and windows come
out.

Start with `prepare`, which writes them, and `genomes`, which reads them back; `workspace` is the axis of everything
later.
"""
