"""Weights as safetensors files, written and read tensor by tensor."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from photo51.io import atomic
from photo51.types import InputError

INDEX = "model.safetensors.index.json"
SHARD_BYTES = 4 << 30
_NAMES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float64: "F64",
    torch.int64: "I64",
}
_TYPES = {name: dtype for dtype, name in _NAMES.items()}


class Planned(NamedTuple):
    """Type and shape of a tensor that is to be written."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes it takes."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


def raw_bytes(tensor: Tensor) -> memoryview:
    """The bytes of a tensor, row after row."""
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data


def tensor_digest(tensors: Iterator[tuple[str, Tensor]]) -> str:
    """SHA-256 of named tensors: names, types, shapes and bytes, in the order of the names.

    The order of the iterator does not matter, nor how tensors are spread over files.
    """
    each = sorted(
        f"{name} {_NAMES[t.dtype]} {list(t.shape)} {hashlib.sha256(raw_bytes(t)).hexdigest()}" for name, t in tensors
    )
    return hashlib.sha256("\n".join(each).encode()).hexdigest()


def shards(plan: Mapping[str, Planned], limit: int = SHARD_BYTES) -> list[list[str]]:
    """Names in order, cut into files of at most `limit` bytes (a larger tensor is a file of its own)."""
    files: list[list[str]] = [[]]
    filled = 0
    for name, planned in plan.items():
        if files[-1] and filled + planned.nbytes > limit:
            files.append([])
            filled = 0
        files[-1].append(name)
        filled += planned.nbytes
    return files


def write_weights(
    folder: Path,
    plan: Mapping[str, Planned],
    tensors: Iterator[tuple[str, Tensor]],
    *,
    limit: int = SHARD_BYTES,
) -> str:
    """Write tensors, in the order of the plan, into one or several safetensors files; memory is about one tensor.

    Returns
    -------
    Their `tensor_digest`.
    """
    groups = shards(plan, limit)
    names = [_file_name(i, len(groups)) for i in range(len(groups))]
    lines = []
    for file, group in zip(names, groups, strict=True):
        with atomic(folder / file) as partial, partial.open("wb") as out:
            out.write(_header({name: plan[name] for name in group}))
            for want in group:
                name, tensor = next(tensors)
                if (name, tensor.dtype, tuple(tensor.shape)) != (want, *plan[want]):
                    raise AssertionError(f"planned {want} {plan[want]}, got {name} {tensor.dtype} {tensor.shape}")
                data = raw_bytes(tensor)
                sha = hashlib.sha256(data).hexdigest()
                lines.append(f"{name} {_NAMES[tensor.dtype]} {list(tensor.shape)} {sha}")
                out.write(data)
    if len(groups) > 1:
        file_of = {name: file for file, group in zip(names, groups, strict=True) for name in group}
        total = sum(p.nbytes for p in plan.values())
        with atomic(folder / INDEX) as partial:
            partial.write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": file_of}, indent=1) + "\n")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _file_name(i: int, n: int) -> str:
    return "model.safetensors" if n == 1 else f"model-{i + 1:05d}-of-{n:05d}.safetensors"


def _header(plan: Mapping[str, Planned]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, p in plan.items():
        entries[name] = {
            "dtype": _NAMES[p.dtype],
            "shape": list(p.shape),
            "data_offsets": [offset, offset + p.nbytes],
        }
        offset += p.nbytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


class WeightFiles:
    """Tensors of one or several safetensors files, each read when it is asked for.

    Parameters
    ----------
    paths
        The files.

    Raises
    ------
    InputError
        For a file that is absent, cut short or no safetensors file.
    """

    def __init__(self, paths: Sequence[Path]):
        self.paths = list(paths)
        self.where = str(self.paths[0]) + (f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else "")
        self._open = ExitStack()
        self._files = {}
        for path in self.paths:
            if not path.is_file():
                raise InputError(f"{path}: need a safetensors file, got no such file")
            try:
                f = self._open.enter_context(safe_open(path, "pt"))
            except (SafetensorError, OSError) as e:
                raise InputError(
                    f"{path}: need a safetensors file, got one that cannot be read ({e}); download or convert it again"
                ) from e
            self._files.update(dict.fromkeys(f.keys(), f))

    @classmethod
    def of(cls, folder: Path) -> WeightFiles:
        """All weights of a model folder, sharded or not."""
        if (folder / INDEX).is_file():
            file_of = json.loads((folder / INDEX).read_text())["weight_map"]
            return cls([folder / name for name in dict.fromkeys(file_of.values())])
        return cls([folder / "model.safetensors"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __getitem__(self, name: str) -> Tensor:
        """A tensor, read now."""
        return self._files[name].get_tensor(name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return tuple(self._files[name].get_slice(name).get_shape())

    def dtype(self, name: str) -> torch.dtype:
        """Type of a tensor.

        Raises
        ------
        InputError
            For a type that weights do not have.
        """
        kind = self._files[name].get_slice(name).get_dtype()
        if kind not in _TYPES:
            raise InputError(f"{self.where}: {name!r}: need weights of {', '.join(_TYPES)}, got {kind}")
        return _TYPES[kind]
