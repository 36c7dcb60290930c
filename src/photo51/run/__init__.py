"""A run's folder comes in; its tables, arrays, loci and names come out, without a sentence, a figure or torch.

Start with `layout` (where every file of a run lies; it imports nothing of ours, so that every room may use it), then
`opened`.
"""
