"""Two models come in; where and how they differ, and whether one may replace the other, come out.

Start with `compare`; `gate` decides.
"""
