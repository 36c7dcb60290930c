"""Downloads, against a server that drops connections, answers with errors, and cannot always resume."""

import hashlib
import io
import re
import subprocess
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from photo51.config.fetch import FetchParams
from photo51.genome.formats.fetch import fetch, read_checksums
from photo51.types import InputError


def genbank(name="NC_000001.1", n=60_000):
    rows = [f"{at + 1:>9} " + " ".join(["acgtacgtac"] * 6) for at in range(0, n, 60)]
    head = f"LOCUS       {name.split('.')[0]}  {n} bp    DNA     linear   BCT 01-JAN-2000\nDEFINITION  x.\nACCESSION   {name.split('.')[0]}\nVERSION     {name}\n"
    return (head + "FEATURES             Location/Qualifiers\nORIGIN\n" + "\n".join(rows) + "\n//\n").encode()


class Server(ThreadingHTTPServer):
    """Answers with `body`; `plan` holds what happens to each request in turn, and then all goes well."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.plan, self.requests, self.ranges = genbank(), [], [], True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that hangs up is no news."""


class Handler(BaseHTTPRequestHandler):
    """One request by the server's plan: an int is a status, `drop` cuts off half-way, `silent` half-way without saying so."""

    def do_GET(self):
        s = self.server
        asked = self.headers.get("Range")
        s.requests.append((self.path, asked))
        step = s.plan.pop(0) if s.plan else "ok"
        if isinstance(step, int):
            self.send_error(step)
            return
        start = int(re.match(r"bytes=(\d+)-", asked)[1]) if asked and s.ranges else 0
        if asked and s.ranges and start >= len(s.body):
            self.send_error(416)
            return
        body = s.body[start:]
        self.send_response(206 if asked and s.ranges else 200)
        if asked and s.ranges:
            self.send_header("Content-Range", f"bytes {start}-{len(s.body) - 1}/{len(s.body)}")
        if step != "silent":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if step == "ok" else body[: len(body) // 2])

    def log_message(self, *args):
        """Nothing on stderr."""


@pytest.fixture
def server():
    s = Server()
    thread = threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield s
    s.shutdown()
    s.server_close()
    thread.join()


@pytest.fixture
def params(server):
    return FetchParams(
        eutils_url=server.url + "/eutils",
        datasets_url=server.url + "/datasets",
        tries=4,
        wait=0.001,
        timeout=5,
    )


def test_a_whole_answer_is_kept_with_its_checksum(server, params, tmp_path):
    (path,) = fetch(["NC_000001.1"], tmp_path, params)
    assert path.read_bytes() == server.body
    assert read_checksums(tmp_path / "checksums.sha256") == {path.name: hashlib.sha256(server.body).hexdigest()}
    assert (
        subprocess.run(
            ["sha256sum", "-c", "checksums.sha256"], cwd=tmp_path, check=False, capture_output=True
        ).returncode
        == 0
    )
    assert "/eutils/efetch.fcgi?db=nuccore&id=NC_000001.1&rettype=gbwithparts&retmode=text" in server.requests[0][0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["NC_000001.1.gb", "checksums.sha256"]


@pytest.mark.parametrize("break_off", ["drop", "silent"])
def test_a_dropped_connection_is_resumed_where_it_broke(server, params, tmp_path, break_off):
    server.plan = [break_off, break_off]
    (path,) = fetch(["NC_000001.1"], tmp_path, params)
    assert path.read_bytes() == server.body
    half = len(server.body) // 2
    quarter = half + (len(server.body) - half) // 2
    assert [r for _, r in server.requests] == [None, f"bytes={half}-", f"bytes={quarter}-"]


def test_a_server_without_ranges_is_asked_again_from_the_start(server, params, tmp_path):
    server.plan, server.ranges = ["drop", 503, "drop"], False
    (path,) = fetch(["NC_000001.1"], tmp_path, params)
    assert path.read_bytes() == server.body
    assert len(server.requests) == 4


def test_what_an_earlier_run_left_is_taken_up(server, params, tmp_path):
    (tmp_path / "NC_000001.1.gb.part").write_bytes(server.body[:1000])
    fetch(["NC_000001.1"], tmp_path, params)
    assert server.requests[0][1] == "bytes=1000-"
    # a part that is longer than the file is none of it
    (tmp_path / "NC_000001.1.gb").unlink()
    (tmp_path / "NC_000001.1.gb.part").write_bytes(server.body + b"more")
    (path,) = fetch(["NC_000001.1"], tmp_path, params)
    assert path.read_bytes() == server.body


def test_what_is_there_is_not_asked_for_again(server, params, tmp_path):
    (path,) = fetch(["NC_000001.1"], tmp_path, params)
    fetch(["NC_000001.1"], tmp_path, params)
    assert len(server.requests) == 1
    path.write_bytes(b"damaged")
    fetch(["NC_000001.1"], tmp_path, params)
    assert path.read_bytes() == server.body


def test_a_server_that_never_answers_is_named(server, params, tmp_path):
    server.plan = [503, "drop", 500, "drop"]
    with pytest.raises(
        InputError, match=r"NC_000001\.1: need a whole answer of http://127.*, got none in 4 tries \(last: "
    ):
        fetch(["NC_000001.1"], tmp_path, params)
    assert not (tmp_path / "NC_000001.1.gb").exists()
    server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match="got none in 4 tries"):
        fetch(["NC_000001.1"], tmp_path / "other", params)


def test_an_unknown_accession_is_not_tried_again(server, params, tmp_path):
    server.plan = [400]
    with pytest.raises(InputError, match="need an accession that the server knows, got HTTP 400"):
        fetch(["NC_000001.1"], tmp_path, params)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>sorry</html>", "need LOCUS… of"),
        (genbank("NC_000002.1"), r"need that record of .*, got NC_000002\.1"),
    ],
)
def test_another_answer_is_thrown_away(server, params, tmp_path, body, words):
    server.body = body
    with pytest.raises(InputError, match=words):
        fetch(["NC_000001.1"], tmp_path, params)
    assert list(tmp_path.iterdir()) == []


def archive(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name in names:
            z.writestr(f"ncbi_dataset/data/{name}", ">c\nACGT\n" if name.endswith("fna") else "##gff-version 3\n")
    return out.getvalue()


def test_assemblies_are_unpacked(server, params, tmp_path):
    server.body, server.plan = (
        archive("GCF_000005845.2/x_genomic.fna", "GCF_000005845.2/genomic.gff"),
        ["drop"],
    )
    paths = fetch(["GCF_000005845.2"], tmp_path, params)
    assert [p.name for p in paths] == ["GCF_000005845.2.fa", "GCF_000005845.2.gff3"]
    assert paths[0].read_text() == ">c\nACGT\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "GCF_000005845.2.fa",
        "GCF_000005845.2.gff3",
        "checksums.sha256",
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (archive("genomic.gff"), r"need one \*\.fna in the archive, got 0"),
        (b"PK no archive", "need a zip archive"),
        (b"{}", "need PK… of"),
    ],
)
def test_a_broken_archive_leaves_nothing(server, params, tmp_path, body, words):
    server.body = body
    with pytest.raises(InputError, match=words):
        fetch(["GCF_000005845.2"], tmp_path, params)
    assert list(tmp_path.iterdir()) == []


def test_addresses_may_come_from_the_environment(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTO51_EUTILS_URL", server.url + "/mirror/")
    fetch(["NC_000001.1"], tmp_path, FetchParams(tries=1))
    assert server.requests[0][0].startswith("/mirror/efetch.fcgi?")


@pytest.mark.parametrize("accession", ["ecoli", "../NC_000001.1", "NC_1", "GCF_12"])
def test_what_is_no_accession_is_never_asked_for(server, params, tmp_path, accession):
    with pytest.raises(InputError, match="need an NCBI accession such as"):
        fetch([accession], tmp_path, params)
    assert server.requests == []
