"""Codes and decoder come in; groups of co-active features, the shapes they trace and what varies along them come out.

Start with `stage`, which says the order: `relations` finds groups, `shapes` describes them, `meaning` tests what varies
along them, `controls` are structures that a good model must show. `write` leaves the tables.
"""
