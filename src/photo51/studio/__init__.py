"""One page on this machine on which a model reads, explains and writes sequence: `photo51 studio`.

The server decides nothing: every answer is a call of `photo51.api.workbench.Workbench` or of a report's function, and
the journal says which.
"""
