"""What a model has learnt, asked exactly: probabilities of words and of survival, differences between two models.

In come models (and sequences or prompts), out go tables of rates, differences and verdicts beside their controls.
Start reading at `patterns` (what may be asked), then `forced` (how it is asked), then `words` and `diff` (the two
instruments).
"""
