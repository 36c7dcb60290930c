"""Sparse codes come in a shard at a time and lie on disk on the axis of the workspace; rows, regions and features come
out.

Start with `store`; nothing here needs torch.
"""

from photo51.codes.shard import shard_path, write_shard
from photo51.codes.store import CodesMeta, CodesStore, gather

__all__ = ["CodesMeta", "CodesStore", "gather", "shard_path", "write_shard"]
