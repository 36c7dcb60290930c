"""Tables of a run come in; what it claims comes out, a row a claim: its value beside its null, n, p and a verdict.

Start with `finding`; `stage` gathers all claims of a run. Every claim is a pure function from tables to `Finding`
rows, so that how often it passes where nothing is to be found can be measured on null worlds.
"""
