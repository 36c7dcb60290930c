"""Codes come in; tracks for genome browsers and a browser page that opens from disk come out.

Start with `write`.
"""
