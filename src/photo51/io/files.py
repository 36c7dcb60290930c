"""Files that are either whole or absent, and their hashes."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TEMPORARY = re.compile(r"\.[0-9a-f]+\.partial\..+|\.prepare-.+")
_CANNOT = {
    errno.ENOSPC: ("space to write", "a disk that is full"),
    errno.EDQUOT: ("space to write", "a quota that is used up"),
    errno.EROFS: ("a place that can be written to", "a file system that is read-only"),
    errno.EACCES: ("permission to read and write", "none"),
    errno.EISDIR: ("the name of a file", "a folder"),
}


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it there when the block ends well, remove it when it does not.

    Works for files and for folders. A reader never sees half a file, and a file that was valid stays until its
    successor is complete. The temporary name keeps the suffix, as some writers choose their format by it.

    Raises
    ------
    OSError
        As the file system reports it (disk full, read-only), naming `path`; a folder is not replaced by a file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # processes of several machines may share the folder, and have equal numbers
    partial = path.with_name(f".{secrets.token_hex(6)}.partial.{path.name}")
    try:
        yield partial
        if path.is_dir():
            if not partial.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            _remove(path)
        partial.replace(path)
    except OSError as e:
        if e.filename is None or partial.name in str(e.filename):
            e.filename = str(path)
        _remove(partial)
        raise
    except BaseException:
        _remove(partial)
        raise


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, which takes no space; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def gzip_file(path: Path) -> Path:
    """Replace a file by `NAME.gz`; the same bytes for the same content."""
    out = path.with_name(f"{path.name}.gz")
    with atomic(out) as partial:
        partial.write_bytes(gzip.compress(path.read_bytes(), 6, mtime=0))
    path.unlink()
    return out


def is_temporary(path: Path) -> bool:
    """Whether a path is, or lies in, what has a temporary name: all that a killed process leaves of a file it was
    writing.
    """
    return any(_TEMPORARY.fullmatch(part) for part in path.parts)


def remove_temporaries(folder: Path | str) -> None:
    """Remove what killed processes left below a folder; call it where no other process writes there."""
    for path in sorted(Path(folder).rglob(".*")):
        if _TEMPORARY.fullmatch(path.name):
            _remove(path)


def cannot_write(error: OSError) -> str | None:
    """What keeps files from being written, in a sentence; None where the error is of another kind.

    Libraries in C lose the number of the error on the way, so that its text is looked at too.
    """
    for number, (need, got) in _CANNOT.items():
        if error.errno == number or os.strerror(number) in str(error):
            file = error.filename or "a file of the run"
            full = number in {errno.ENOSPC, errno.EDQUOT}
            kept = "; what is finished of a run is kept, and running again resumes from it" if full else ""
            return f"{file}: need {need}, got {got}{kept}"
    return None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path | str) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with Path(path).open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def content_hash(*parts: object) -> str:
    """A short hash (16 hexadecimal digits) of values that JSON can hold; equal content gives equal hashes anywhere."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def free_bytes(path: Path | str) -> int:
    """Bytes free where `path` is or will be."""
    path = Path(path).absolute()
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
