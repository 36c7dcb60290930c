"""A feature and strengths come in; dose-response beside control, reconstruction and random directions comes out.

Start with `steer`.
"""
