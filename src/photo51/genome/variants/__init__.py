"""Files of variants come in; checked alleles and the windows around them, reference and alternative, come out.

Start with `files`; `alignment` says which base of one window is which of the other.
"""
