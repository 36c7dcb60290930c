"""Models and words come in; exact rates of words and of survival come out, without sampling the words.

Start with `patterns` (what may be asked), then `forced` (how) and `rates`.
"""
