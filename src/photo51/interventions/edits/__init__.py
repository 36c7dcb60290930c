"""A model, a dictionary and features come in; edits of its activations at a site come out.

Start with `dictionary` and `site_edits`.
"""
