"""Arrays in one file: the safetensors layout, written as a stream of bytes and read through memory maps, without torch.

Layout (github.com/huggingface/safetensors): eight bytes with the length of a JSON header, the header, the arrays.
bfloat16, which numpy lacks, is held as its bits in `uint16`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photo51.io.files import atomic
from photo51.types import InputError

_CODES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
_NAMES = {np.dtype(code): name for name, code in _CODES.items()}
_BFLOAT16 = "BF16"
_DIGEST = "sha256"
_CHUNK = 1 << 24


def write_tensors(
    path: Path | str,
    arrays: Mapping[str, NDArray],
    header: Mapping[str, str],
    *,
    bfloat16: Collection[str] = (),
) -> None:
    """Write arrays and a header of strings, atomically; the SHA-256 of the arrays' bytes goes into the header too.

    Parameters
    ----------
    path
        File to write.
    arrays
        Name → array; written in this order.
    header
        Name → text; equal arrays and headers give equal bytes.
    bfloat16
        Names of `uint16` arrays that hold the bits of bfloat16 numbers.
    """
    ordered = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    digest = hashlib.sha256()
    for chunk in _chunks(ordered):
        digest.update(chunk)
    entries: dict[str, object] = {"__metadata__": {**header, _DIGEST: digest.hexdigest()}}
    offset = 0
    for name, a in ordered.items():
        kind = _BFLOAT16 if name in bfloat16 else _NAMES[a.dtype.newbyteorder("<")]
        entries[name] = {
            "dtype": kind,
            "shape": list(a.shape),
            "data_offsets": [offset, offset + a.nbytes],
        }
        offset += a.nbytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic(path) as partial, partial.open("wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for chunk in _chunks(ordered):
            f.write(chunk)


def _chunks(arrays: Mapping[str, NDArray]) -> Iterator[memoryview]:
    for a in arrays.values():
        flat = a.reshape(-1).view(np.uint8)
        for start in range(0, len(flat), _CHUNK):
            yield flat[start : start + _CHUNK].data


class TensorFile:
    """A file of arrays, opened without reading them.

    Parameters
    ----------
    path
        A safetensors file.

    Attributes
    ----------
    header
        The texts beside the arrays.
    shapes, kinds
        Array name → shape, and → type as the format calls it (`F16`, `BF16`, `U16` …).

    Raises
    ------
    InputError
        Where the file is absent, cut short, or in another format.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{path}: need a tensor file, got no such file")
        size = self.path.stat().st_size
        with self.path.open("rb") as f:
            length = int.from_bytes(f.read(8), "little")
            text = f.read(length) if length < size else b""
        try:
            entries = json.loads(text)
            self.header: dict[str, str] = entries.pop("__metadata__", {})
            self._spans = {name: e["data_offsets"] for name, e in entries.items()}
            self.shapes = {name: tuple(e["shape"]) for name, e in entries.items()}
            self.kinds: dict[str, str] = {name: e["dtype"] for name, e in entries.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise InputError(
                f"{path}: need a safetensors file, got one whose header cannot be read; delete it and run the stage"
                " again"
            ) from e
        self._start = 8 + length
        need = self._start + max((stop for _, stop in self._spans.values()), default=0)
        if size != need:
            raise InputError(f"{path}: need {need} bytes by its header, got {size}; delete it and run the stage again")

    def __contains__(self, name: str) -> bool:
        return name in self._spans

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __getitem__(self, name: str) -> NDArray:
        """An array as a read-only memory map; bfloat16 as its bits.

        Raises
        ------
        InputError
            Where there is no such array.
        """
        if name not in self._spans:
            raise InputError(f"{self.path}: need an array {name!r}, got {sorted(self._spans)}")
        start, stop = self._spans[name]
        kind = self.kinds[name]
        dtype = np.dtype("<u2" if kind == _BFLOAT16 else _CODES[kind])
        shape = self.shapes[name]
        if start == stop:
            return np.zeros(shape, dtype)
        return np.memmap(self.path, dtype, "r", offset=self._start + start, shape=shape)

    def verify(self) -> None:
        """Compare the arrays with the SHA-256 in the header, if there is one.

        Raises
        ------
        InputError
            Where they differ, naming the file.
        """
        want = self.header.get(_DIGEST)
        if want is None:
            return
        digest = hashlib.sha256()
        with self.path.open("rb") as f:
            f.seek(self._start)
            while chunk := f.read(_CHUNK):
                digest.update(chunk)
        if digest.hexdigest() != want:
            raise InputError(
                f"{self.path}: need arrays of SHA-256 {want[:12]}…, got {digest.hexdigest()[:12]}…: the file is"
                " damaged; delete it and run the stage again"
            )


def is_made(path: Path, fingerprint: str) -> bool:
    """Whether a whole and undamaged shard is there that was made from the same things, by their content hash."""
    try:
        file = TensorFile(path)
        if file.header.get("made") != fingerprint:
            return False
        file.verify()
    except InputError:
        return False
    return True
