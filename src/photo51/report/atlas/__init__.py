"""Features of a run come in; a page for each, and a search over all of them, come out.

Start with `write`; `find` is the same search in a terminal.
"""
