"""Sparse codes on disk, on the axis of the workspace: read by region and by feature, without torch."""

from photo51.codes.shard import shard_path, write_shard
from photo51.codes.store import CodesMeta, CodesStore, gather

__all__ = ["CodesMeta", "CodesStore", "gather", "shard_path", "write_shard"]
