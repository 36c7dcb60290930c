"""Files of `torch.save`, whole or split into parts, read tensor by tensor and without running what is pickled in them.

A torch file is an uncompressed zip archive: `data.pkl` says which tensors there are, `data/<key>` holds their bytes.
The pickle is read with an allow-list of the few names that tensors need; everything else in it, such as the state of
8-bit layers, becomes a placeholder. Nothing is imported, nothing is called. Bytes of a tensor are read when it is
asked for.
"""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from photo51.types import InputError

_STORAGES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_CHUNK = 1 << 24


class FileParts(io.RawIOBase):
    """Files read as if they were one, in the order given."""

    def __init__(self, paths: Sequence[Path]):
        super().__init__()
        self.files = [path.open("rb") for path in paths]
        sizes = [path.stat().st_size for path in paths]
        self.starts = [sum(sizes[:i]) for i in range(len(sizes))]
        self.size, self.at = sum(sizes), 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Place of the next byte."""
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; returns it."""
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, up to the end of the part; the number of bytes read."""
        if self.at >= self.size:
            return 0
        i = max(i for i, start in enumerate(self.starts) if start <= self.at)
        self.files[i].seek(self.at - self.starts[i])
        n = self.files[i].readinto(buffer)
        self.at += n
        return n

    def close(self) -> None:
        """Close every file."""
        for f in self.files:
            f.close()
        super().close()


class Stored(NamedTuple):
    """Where a tensor lies: entry of the archive, type, offset (elements), shape and strides."""

    key: str
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _Placeholder:
    """Stands for anything in a pickle that is no tensor."""

    def __init__(self, *_given: object, **_named: object):
        pass

    def __setstate__(self, _state: object) -> None:
        pass

    def __call__(self, *_given: object, **_named: object) -> _Placeholder:
        return _Placeholder()

    def append(self, _item: object) -> None:
        """Forget it."""

    extend = append

    def __setitem__(self, _key: object, _value: object) -> None:
        pass


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) in {("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor_v3")}:
            return _rebuild
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *_rest: data
        return type("Placeholder", (_Placeholder,), {})

    def persistent_load(self, pid: Any) -> tuple[str, torch.dtype | None]:
        _, kind, key, *_rest = pid
        return str(key), kind if isinstance(kind, torch.dtype) else None


def _rebuild(storage: tuple[str, torch.dtype | None], offset: int, shape: tuple, stride: tuple, *rest: Any) -> Stored:
    """What `torch._utils._rebuild_tensor_v2` is asked for; `_v3` names the type of untyped storages among `rest`."""
    key, dtype = storage
    named = [value for value in rest if isinstance(value, torch.dtype)]
    return Stored(key, dtype or (named[0] if named else torch.uint8), int(offset), tuple(shape), tuple(stride))


class TorchFile:
    """A torch file, opened without reading its tensors.

    Parameters
    ----------
    paths
        The file, or all its parts in order.

    Raises
    ------
    InputError
        Where the parts make no torch file: a part is missing, out of order or cut, or it was saved by torch before 1.6.
    """

    def __init__(self, paths: Sequence[Path]):
        self.paths = list(paths)
        self.where = str(self.paths[0]) + (f" … {self.paths[-1].name}" if len(self.paths) > 1 else "")
        try:
            self._zip = zipfile.ZipFile(io.BufferedReader(FileParts(self.paths), 1 << 20))
        except zipfile.BadZipFile as e:
            raise InputError(
                f"{self.where}: need a torch file (a zip archive) or all its parts in order, got bytes that are none; "
                "a part may be missing or cut short: compare sizes with the download page"
            ) from e
        self._names = set(self._zip.namelist())
        pickles = [name for name in self._names if name.endswith("data.pkl")]
        if len(pickles) != 1:
            raise InputError(f"{self.where}: need one data.pkl in the archive, got {len(pickles)}; is it a torch file?")
        self._root = pickles[0].removesuffix("data.pkl")
        self.tensors = self._index(_Unpickler(io.BytesIO(self._read(pickles[0]))).load())

    @staticmethod
    def _index(loaded: Any) -> dict[str, Stored]:
        """Tensors by name; a state dict under `model_state_dict`, `state_dict` or `module` counts too."""
        for inner in ("model_state_dict", "state_dict", "module"):
            if isinstance(loaded, dict) and isinstance(loaded.get(inner), dict):
                loaded = loaded[inner]
        return {k: v for k, v in loaded.items() if isinstance(v, Stored)} if isinstance(loaded, dict) else {}

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return self.tensors[name].shape

    def dtype(self, name: str) -> torch.dtype:
        """Type of a tensor."""
        return self.tensors[name].dtype

    def __getitem__(self, name: str) -> Tensor:
        """A tensor, read now.

        Raises
        ------
        InputError
            Where its bytes are damaged or absent.
        """
        t = self.tensors[name]
        data = self._read(f"{self._root}data/{t.key}")
        flat = torch.frombuffer(data, dtype=t.dtype) if data else torch.empty(0, dtype=t.dtype)
        return flat.as_strided(t.shape, t.stride, t.offset)

    def _read(self, name: str) -> bytearray:
        if name not in self._names:
            raise InputError(f"{self.where}: need {name!r} in the archive, got none; the file is cut short")
        data = bytearray(self._zip.getinfo(name).file_size)
        view, offset = memoryview(data), 0
        try:
            with self._zip.open(name) as f:
                while chunk := f.read(_CHUNK):
                    view[offset : offset + len(chunk)] = chunk
                    offset += len(chunk)
        except (zipfile.BadZipFile, EOFError) as e:
            raise InputError(f"{self.where}: {name!r} is damaged ({e}); download the file again") from e
        return data


def file_parts(path: Path) -> list[Path]:
    """The file, or the parts it was split into: `name.part0`, `name.part1`, … given the name or any part.

    Raises
    ------
    InputError
        Where there is neither, or a number is missing among the parts.
    """
    whole = path.with_name(re.sub(r"\.part\d+$", "", path.name))
    if whole.is_file():
        return [whole]
    numbered = {
        int(match[1]): p
        for p in whole.parent.glob(f"{whole.name}.part*")
        if (match := re.search(r"\.part(\d+)$", p.name))
    }
    if not numbered:
        raise InputError(f"{path}: need a checkpoint file or its parts, got no such file")
    if missing := sorted(set(range(max(numbered) + 1)) - set(numbered)):
        raise InputError(f"{whole}: need parts 0 to {max(numbered)}, got none numbered {missing}")
    return [numbered[i] for i in sorted(numbered)]
