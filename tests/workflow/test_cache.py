"""Where a run caches: in the home folder, and in its own where that cannot be written."""

from photo51.cli.run import _with_cache


def test_a_home_that_cannot_be_written_gives_way_to_the_runs_own_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "none"))
    env = _with_cache(tmp_path / "results")
    assert env["XDG_CACHE_HOME"] == str(tmp_path / "results" / ".cache")
    assert "no cache in the home folder" in capsys.readouterr().err
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "XDG_CACHE_HOME" not in _with_cache(tmp_path / "results")
    assert (tmp_path / ".cache").is_dir()
