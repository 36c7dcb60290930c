"""Opening text files, plain or compressed, so that whatever is wrong with them is one clear sentence."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from photo51.types import InputError

_GZIP = b"\x1f\x8b"
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@contextmanager
def open_text(path: Path | str) -> Iterator[TextIO]:
    """Open a text file, plain, gzip or bgzip (told by content, not by name); Windows and old Mac line ends are
    read as any other.

    Raises
    ------
    InputError
        Naming the file: absent, a folder, empty, cut off or otherwise broken compression, or not UTF-8 text. Errors of
        reading are raised where the caller reads, inside the `with` block.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: need a file, got {'a folder' if path.is_dir() else 'no such file'}")
    try:
        with path.open("rb") as raw:
            head = raw.read(18)
            raw.seek(0)
            if not head:
                raise InputError(f"{path}: need text, got an empty file")
            if head[:2] == _GZIP:
                _check_bgzf(path, raw, head)
                plain = cast(BinaryIO, gzip.open(raw, "rb"))  # noqa: SIM115 - closed with `raw`
            else:
                plain = raw
            with io.TextIOWrapper(plain, encoding="utf-8-sig", newline=None) as text:
                yield text
    except EOFError as e:
        raise InputError(f"{path}: need a whole gzip file, got one that is cut off") from e
    except (gzip.BadGzipFile, zlib.error) as e:
        raise InputError(f"{path}: need a gzip file, got a broken one ({e})") from e
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: need UTF-8 text, got byte {e.object[e.start]:#04x}") from e
    except PermissionError as e:
        raise InputError(f"{path}: need a file that may be read, got permission denied") from e


def _check_bgzf(path: Path, raw: BinaryIO, head: bytes) -> None:
    """A bgzip file cut off between two blocks is valid gzip; only its end marker tells that it is whole."""
    if head[3:4] == b"\x04" and head[12:14] == b"BC":
        raw.seek(0, io.SEEK_END)
        size = raw.tell()
        raw.seek(max(0, size - len(_BGZF_END)))
        if raw.read() != _BGZF_END:
            raise InputError(
                f"{path}: need a whole bgzip file, got one without its end marker: it is cut off"
            )
        raw.seek(0)


def data_lines(path: Path | str, comment: str = "#") -> Iterator[tuple[int, str]]:
    """Lines that are neither empty nor comments, with their 1-based numbers, line ends taken off."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")  # noqa: PLW2901
            if line.strip() and not (comment and line.startswith(comment)):
                yield number, line


def whole_number(text: str, at: str, what: str, least: int = 0) -> int:
    """A whole number of at most 12 digits.

    Raises
    ------
    InputError
        For anything else, naming `at` (file and line) and `what` (column).
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) >= least):
        raise InputError(f"{at}, {what}: need a whole number of at least {least}, got {text[:40]!r}")
    return int(text)
