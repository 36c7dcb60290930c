"""Sparse codes come in a shard at a time and lie on disk on the axis of the workspace; rows, regions and features come
out.

Start with `store`; nothing here needs torch.
"""

from photo51.codes.shard import codes_path, write_codes
from photo51.codes.store import CodesMeta, CodesStore, gather

__all__ = ["CodesMeta", "CodesStore", "codes_path", "gather", "write_codes"]
