"""Named features come in; whether their names hold on the other strand, another seed, another genome come out.

Start with `checks`.
"""
