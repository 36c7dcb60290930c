"""Opening text files, plain or compressed, so that whatever is wrong with them is one clear sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from photo51.types import InputError

_GZIP, _BZIP2, _XZ, _ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"PK\x03\x04"
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_PACKED = (".gz", ".bgz", ".bz2", ".xz", ".zip")
_PEEK = 512
_BINARY: tuple[tuple[bytes, str], ...] = (
    (b"BCF\x02", "a BCF file, the binary form of VCF; `bcftools view` writes it as text"),
    (b"BAM\x01", "a BAM file, which holds reads; `samtools consensus` makes sequence of them"),
    (b"CRAM", "a CRAM file, which holds reads; `samtools consensus` makes sequence of them"),
    (b"\x43\x27\x41\x1a", "a 2bit file; `twoBitToFa` writes it as FASTA"),
    (b"\x1a\x41\x27\x43", "a 2bit file; `twoBitToFa` writes it as FASTA"),
    (b"\x28\xb5\x2f\xfd", "a file compressed by zstd; unpack it with `unzstd`"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it with `7z x`"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8, as `iconv -f UTF-16 -t UTF-8` does"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8, as `iconv -f UTF-16 -t UTF-8` does"),
    (b"%PDF", "a PDF file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xd0\xcf\x11\xe0", "an Office file; save it as text, with columns parted by tabs"),
    (b"\x6c\x1b\x01", "a PLINK .bed file of genotypes; `plink2 --bfile NAME --export vcf` writes it as VCF"),
)


def unpacked_name(path: Path) -> str:
    """Name of a file in lower case, without the suffix of its compression."""
    name = path.name.lower()
    return next((name.removesuffix(s) for s in _PACKED if name.endswith(s)), name)


def head(path: Path | str, size: int = _PEEK) -> bytes:
    """The first bytes of a file, unpacked where it is compressed; at most `size`.

    Raises
    ------
    InputError
        As `open_text`, but for text of another encoding and binary content, which are handed out.
    """
    with _unpacked(Path(path)) as plain:
        return plain.read(size)


@contextmanager
def open_text(path: Path | str) -> Iterator[TextIO]:
    """Open a text file, plain or packed by gzip, bgzip, bzip2, xz or zip (told by content, not by name).

    Windows and old Mac line ends are read as any other, and a byte-order mark is left out. A zip archive has to hold
    one file.

    Raises
    ------
    InputError
        Naming the file: absent, a folder, empty, cut off or otherwise broken compression, not UTF-8 text, or a binary
        format, which is named with what would turn it into text. Errors of reading are raised where the caller reads,
        inside the `with` block.
    """
    path = Path(path)
    with _unpacked(path) as plain:
        buffered = io.BufferedReader(cast(io.RawIOBase, plain))
        _check_text(path, buffered.peek(_PEEK)[:_PEEK])
        with io.TextIOWrapper(buffered, encoding="utf-8-sig", newline=None) as text:
            yield text


@contextmanager
def _unpacked(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file without its compression."""
    if not path.is_file():
        raise InputError(f"{path}: need a file, got {'a folder' if path.is_dir() else 'no such file'}")
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(path.open("rb"))
            start = raw.read(18)
            raw.seek(0)
            if not start:
                raise InputError(f"{path}: need text, got an empty file")
            if start.startswith(_GZIP):
                _check_bgzf(path, raw, start)
                yield cast(BinaryIO, stack.enter_context(gzip.open(raw, "rb")))
            elif start.startswith(_BZIP2):
                yield cast(BinaryIO, stack.enter_context(bz2.open(raw, "rb")))
            elif start.startswith(_XZ):
                yield cast(BinaryIO, stack.enter_context(lzma.open(raw, "rb")))
            elif start.startswith(_ZIP):
                archive = stack.enter_context(zipfile.ZipFile(raw))
                yield cast(BinaryIO, stack.enter_context(archive.open(_only_member(path, archive))))
            else:
                yield raw
    except EOFError as e:
        raise InputError(f"{path}: need a whole compressed file, got one that is cut off") from e
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError) as e:
        raise InputError(f"{path}: need a compressed file that can be unpacked, got a broken one ({e})") from e
    except UnicodeDecodeError as e:
        raise InputError(
            f"{path}: need UTF-8 text, got byte {e.object[e.start]:#04x}; `iconv -f ISO-8859-1 -t UTF-8` converts"
            " Latin-1"
        ) from e
    except PermissionError as e:
        raise InputError(f"{path}: need a file that may be read, got permission denied") from e


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if any(m.filename == "[Content_Types].xml" for m in members):
        raise InputError(f"{path}: need text, got an Office file; save it as text, with columns parted by tabs")
    if len(members) != 1:
        listed = ", ".join(m.filename for m in members[:5])
        raise InputError(
            f"{path}: need a zip archive of one file, got {len(members)} ({listed}); unpack it with `unzip`"
        )
    if members[0].flag_bits & 1:
        raise InputError(f"{path}: need a zip archive without a password, got one with; unpack it with `unzip`")
    return members[0]


def _check_text(path: Path, start: bytes) -> None:
    """Name a format that is not text, or a page or pointer where a file should be."""
    for magic, what in _BINARY:
        if start.startswith(magic):
            raise InputError(f"{path}: need UTF-8 text, got {what}")
    if start[257:262] == b"ustar":
        raise InputError(f"{path}: need one text file, got a tar archive; unpack it with `tar xf`")
    if start.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        raise InputError(f"{path}: need a data file, got an HTML page: the download answered with an error page")
    if start.startswith(b"version https://git-lfs"):
        raise InputError(f"{path}: need a data file, got a pointer of Git LFS; `git lfs pull` fetches the file")


def _check_bgzf(path: Path, raw: BinaryIO, start: bytes) -> None:
    """A bgzip file cut off between two blocks is valid gzip; only its end marker tells that it is whole."""
    if start[3:4] == b"\x04" and start[12:14] == b"BC":
        raw.seek(0, io.SEEK_END)
        size = raw.tell()
        raw.seek(max(0, size - len(_BGZF_END)))
        if raw.read() != _BGZF_END:
            raise InputError(f"{path}: need a whole bgzip file, got one without its end marker: it is cut off")
        raw.seek(0)


def data_lines(path: Path | str, comment: str = "#") -> Iterator[tuple[int, str]]:
    """Lines that are neither empty nor comments, with their 1-based numbers, line ends taken off."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")  # noqa: PLW2901
            if line.strip() and not (comment and line.startswith(comment)):
                yield number, line


def whole_number(text: str, location: str, what: str, minimum: int = 0) -> int:
    """A whole number of at most 12 digits.

    Raises
    ------
    InputError
        For anything else, naming `location` (file and line) and `what` (column).
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) >= minimum):
        raise InputError(f"{location}, {what}: need a whole number of at least {minimum}, got {text[:40]!r}")
    return int(text)
