"""A prompt, edits, a canvas or rules come in; written sequence with its activations comes out.

Start with `generate`; `scorers` judge what was written without the model.
"""
