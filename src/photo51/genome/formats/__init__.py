"""Files come in; sequences, records and variants come out, with every line that was left out named.

One module a format; 1-based coordinates end here.
"""
