"""`photo51 fetch`: genomes by NCBI accession, whole or not at all.

A nucleotide accession (NC_000913.3) comes from E-utilities as GenBank with its sequence; an assembly accession
(GCF_000005845.2) from the Datasets service, whose archive is unpacked to FASTA and GFF3. A download that breaks off is
tried again from where it stopped if the server can (HTTP ranges), else from its start; what has arrived lies in
`<file>.part` until it is complete. `checksums.sha256` holds the hash of every file, as `sha256sum -c` reads it: a file
that still has its hash is not downloaded again.
"""

from __future__ import annotations

import http.client
import logging
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import NamedTuple

from photo51.config.fetch import FetchParams
from photo51.genome.formats.fasta import read_fasta
from photo51.genome.formats.genbank import read_genbank
from photo51.io import atomic, sha256
from photo51.types import InputError

log = logging.getLogger(__name__)
CHECKSUMS = "checksums.sha256"
_NUCLEOTIDE = re.compile(r"[A-Z]{1,6}_?[A-Z]{0,4}\d{5,12}(\.\d+)?")
_ASSEMBLY = re.compile(r"GC[AF]_\d{9}(\.\d+)?")
_CHUNK = 1 << 16
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class Download(NamedTuple):
    """What is asked for: the accession, its address, the file that it becomes, and what that begins and ends with."""

    accession: str
    url: str
    path: Path
    head: bytes
    tail: bytes = b""


class _Broken(Exception):
    """A try that failed in a way that another may not."""


def fetch(accessions: list[str], out: Path | str, params: FetchParams | None = None) -> list[Path]:
    """Download accessions.

    Parameters
    ----------
    accessions
        Nucleotide or assembly accessions.
    out
        Folder of the files: `<accession>.gb`, or `<accession>.fa` and `<accession>.gff3` of an assembly.
    params
        Addresses, tries, waits.

    Returns
    -------
    The files, in the order of accessions.

    Raises
    ------
    InputError
        For a text that is no accession, one that the server does not know, and a server that cannot be reached or
        breaks off at every try; names the accession and the address. Nothing half-downloaded is left under a final
        name.
    """
    params = params or FetchParams()
    out = Path(out)
    for accession in accessions:
        if not (_NUCLEOTIDE.fullmatch(accession) or _ASSEMBLY.fullmatch(accession)):
            raise InputError(f"fetch: need an NCBI accession such as NC_000913.3 or GCF_000005845.2, got {accession!r}")
    checksums = read_checksums(out / CHECKSUMS)
    files: list[Path] = []
    for accession in accessions:
        names = [f"{accession}.fa", f"{accession}.gff3"] if _ASSEMBLY.fullmatch(accession) else [f"{accession}.gb"]
        if all((out / n).is_file() and checksums.get(n) == sha256(out / n) for n in names):
            log.info("%s: there already", accession)
        else:
            _get(accession, out, params)
            checksums |= {n: sha256(out / n) for n in names}
            _write_checksums(checksums, out / CHECKSUMS)
        files += [out / n for n in names]
    return files


def read_checksums(path: Path) -> dict[str, str]:
    """File name → SHA-256 of a file that `sha256sum` reads; empty where there is none."""
    if not path.is_file():
        return {}
    pairs = (line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip())
    return {name.strip().lstrip("*"): digest for digest, name in pairs}


def _write_checksums(checksums: dict[str, str], path: Path) -> None:
    with atomic(path) as partial:
        partial.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(checksums.items())))


def _get(accession: str, out: Path, params: FetchParams) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if _ASSEMBLY.fullmatch(accession):
        archive = out / f"{accession}.zip.part"
        query = urllib.parse.urlencode({"include_annotation_type": "GENOME_FASTA,GENOME_GFF"}, safe=",")
        url = f"{_base(params.datasets_url, 'PHOTO51_DATASETS_URL')}/genome/accession/{accession}/download?{query}"
        _download(Download(accession, url, archive, b"PK"), params)
        try:
            _unpack(archive, accession, out)
        finally:
            archive.unlink(missing_ok=True)
        return
    query = urllib.parse.urlencode({"db": "nuccore", "id": accession, "rettype": "gbwithparts", "retmode": "text"})
    url = f"{_base(params.eutils_url, 'PHOTO51_EUTILS_URL')}/efetch.fcgi?{query}"
    part = out / f"{accession}.gb.part"
    _download(Download(accession, url, part, b"LOCUS", b"//"), params)
    names = [flat.record.name for flat in read_genbank(part)]
    if not any(accession in {n, n.split(".")[0]} for n in names):
        part.unlink()
        raise InputError(f"fetch {accession}: need that record of {url}, got {', '.join(names)}")
    part.replace(out / f"{accession}.gb")


def _base(configured: str, variable: str) -> str:
    return os.environ.get(variable, configured).rstrip("/")


def _download(item: Download, params: FetchParams) -> None:
    """Fill `wanted.path`, trying again after transient failures, longer and longer after."""
    trouble: Exception | None = None
    for attempt in range(params.tries):
        if attempt:
            wait = min(params.wait * 2 ** (attempt - 1), params.longest_wait)
            log.warning("%s: %s; again in %.3g s", item.accession, trouble, wait)
            time.sleep(wait)
        try:
            _try(item, params.timeout)
            _check_ends(item)
        except _Broken as e:
            trouble = e
        else:
            return
    raise InputError(
        f"fetch {item.accession}: need a whole answer of {item.url}, got none in {params.tries} tries (last: {trouble})"
    )


def _try(item: Download, timeout: float) -> None:
    """One request, from where the last one stopped."""
    have = item.path.stat().st_size if item.path.is_file() else 0
    headers = {"User-Agent": "photo51", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(item.url, headers=headers), timeout=timeout) as answer:
            resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            length = answer.headers.get("Content-Length")
            received = 0
            with item.path.open("ab" if resumed else "wb") as file:
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    received += len(chunk)
            if length is not None and received != int(length):
                raise _Broken(f"{received} of {length} bytes arrived")
    except urllib.error.HTTPError as e:
        e.close()
        if e.code == 416 and have:  # the range starts at or past the end: what is there is not of this file
            item.path.unlink()
            raise _Broken("the rest was refused") from e
        if e.code not in _TRANSIENT:
            raise InputError(
                f"fetch {item.accession}: need an accession that the server knows, got HTTP {e.code} {e.reason} of"
                f" {item.url}"
            ) from e
        raise _Broken(f"HTTP {e.code} {e.reason}") from e
    except (OSError, http.client.HTTPException) as e:
        raise _Broken(str(e) or type(e).__name__) from e


def _check_ends(item: Download) -> None:
    """An answer of HTTP 200 may still be an error page, or lack its end without saying so."""
    with item.path.open("rb") as file:
        head = file.read(200).lstrip()
        file.seek(max(0, item.path.stat().st_size - 20))
        tail = file.read().rstrip()
    if not head.startswith(item.head):
        item.path.unlink()
        raise InputError(
            f"fetch {item.accession}: need {item.head.decode()}… of {item.url}, got"
            f" {head[:80].decode('utf-8', 'replace')!r}"
        )
    if not tail.endswith(item.tail):
        raise _Broken("the answer lacks its end")


def _unpack(archive: Path, accession: str, out: Path) -> None:
    """FASTA and GFF3 of an assembly archive."""
    try:
        with zipfile.ZipFile(archive) as packed:
            if bad := packed.testzip():
                raise InputError(f"fetch {accession}: need a whole archive, got a broken {bad}")
            for suffix, name in ((".fna", f"{accession}.fa"), (".gff", f"{accession}.gff3")):
                members = [m for m in packed.namelist() if m.endswith(suffix)]
                if len(members) != 1:
                    raise InputError(f"fetch {accession}: need one *{suffix} in the archive, got {len(members)}")
                with (
                    atomic(out / name) as partial,
                    packed.open(members[0]) as source,
                    partial.open("wb") as file,
                ):
                    while chunk := source.read(_CHUNK):
                        file.write(chunk)
                    file.flush()
                    if suffix == ".fna":
                        for _ in read_fasta(partial):
                            pass
    except zipfile.BadZipFile as e:
        raise InputError(f"fetch {accession}: need a zip archive, got another answer ({e})") from e
