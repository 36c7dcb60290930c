"""Tables of a run come in; pages, cards, tracks and exports come out: sentences and figures, no decisions.

Start with `page` and its `sections`; `elements` are what pages are made of, `atlas` has a page for every feature,
`tracks` go to genome browsers, `exports` to other programs. `show` is the report as a notebook asks for it.
"""
