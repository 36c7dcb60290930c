"""The manifest: what came out, with hashes, and which validation sets were looked at."""

from photo51.biomarkers.cohorts.lock import LOCK, open_once, seal
from photo51.report.manifest import manifest

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, SHA-256 of "abc"


def test_outputs_have_their_published_digest_and_what_differs_from_run_to_run_is_left_out(tmp_path):
    for name in ("table.tsv", "logs/a.log", "benchmarks/a.tsv", ".lock", ".0123456789ab.partial.table.tsv"):
        path = tmp_path / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("abc")
    given = tmp_path / "given.fa"
    given.write_text("abc")
    made = manifest(tmp_path / "run", {"seed": 7}, [given, tmp_path / "absent"], {"checks": []})
    assert made["files"] == {"table.tsv": {"bytes": 3, "sha256": ABC}}
    assert made["inputs"] == {str(given): {"bytes": 3, "sha256": ABC}}
    assert made["seed"] == 7
    assert made["validation_sets"] == {}


def test_codes_of_controls_that_are_not_kept_are_not_promised(tmp_path):
    for name in ("main", "random"):
        path = tmp_path / "codes" / name / "codes.json"
        path.parent.mkdir(parents=True)
        path.write_text("abc")
    assert set(manifest(tmp_path, {}, [])["files"]) == {"codes/main/codes.json", "codes/random/codes.json"}
    assert set(manifest(tmp_path, {"keep_control_codes": False}, [])["files"]) == {"codes/main/codes.json"}


def test_a_validation_set_is_closed_until_it_is_opened_and_then_says_for_what(tmp_path):
    path = tmp_path / "cohorts" / "x" / LOCK
    path.parent.mkdir(parents=True)
    seal(path, ["a", "b"], "content")
    closed = manifest(tmp_path, {}, [])["validation_sets"]["cohorts/x/lock.json"]
    assert closed == {"put_away": 2, "sealed": "content", "opened": None, "questions": {}}
    open_once(path, {"features": [3]})
    opened = manifest(tmp_path, {}, [])["validation_sets"]["cohorts/x/lock.json"]
    assert opened["questions"] == {"features": [3]}
    assert opened["opened"]
