"""Tables of a run come in; pages, cards, tracks and exports come out: sentences and figures, no decisions.

Start with `page` and its `sections`; `feature_text` says what is known of a feature, `atlas` shows all of them.
"""
