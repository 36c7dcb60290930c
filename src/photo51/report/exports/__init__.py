"""Tables of a run come in; files for other programs come out.

Start with `write`.
"""
