"""Rows of tables come in; sentences, figures and blocks of a page come out.

Start with `blocks` and `sentences`.
"""
