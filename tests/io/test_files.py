"""Files are whole or absent."""

import pytest

from photo51.io import atomic, content_hash, sha256
from photo51.io.files import cannot_write


def test_a_block_that_fails_leaves_the_old_file_and_no_partial(tmp_path):
    target = tmp_path / "table.tsv"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic(target) as partial:  # noqa: PT012
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.tsv"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "store"
    target.mkdir()
    (target / "stale").write_text("x")
    with atomic(target) as partial:
        partial.mkdir()
        (partial / "fresh").write_text("y")
    assert [p.name for p in target.iterdir()] == ["fresh"]


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path):
    kept = tmp_path / "results" / "kept"
    kept.parent.mkdir()
    kept.write_text("valuable")
    with pytest.raises(IsADirectoryError) as caught, atomic(tmp_path / "results") as partial:
        partial.write_text("new")
    assert cannot_write(caught.value) is not None
    assert kept.read_text() == "valuable"
    assert [p.name for p in tmp_path.iterdir()] == ["results"]


def test_sha256_is_the_published_digest_of_abc(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_content_hash_ignores_the_order_of_keys_and_nothing_else():
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})
    assert content_hash([1, 2]) != content_hash([2, 1])
