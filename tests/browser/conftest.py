import sys
from pathlib import Path

import pytest

from benchmarks._browser import Browser, chromium
from photo51.config.report import AtlasParams, ReportParams, TracksParams
from photo51.io import Provenance
from photo51.report.atlas.write import make_atlas
from photo51.report.page import write_report
from photo51.report.tracks.chosen import every_feature
from photo51.report.tracks.write import Tracked, write_tracks
from photo51.run.opened import Run

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from synthetic_whole import build


@pytest.fixture(scope="session")
def browser():
    if chromium() is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    with Browser(timeout_s=600) as opened:  # a busy machine is slow, and no time is measured here
        yield opened


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The synthetic run with its genome pages, its atlas and its report."""
    folder = tmp_path_factory.mktemp("runs") / "made_up"
    build(folder)
    run = Run(folder)
    tracked, every = [Tracked("f0", (0,), "start codon", 1.5)], every_feature(run)
    write_tracks(run.places, tracked, folder / "tracks", TracksParams(chunk=8), Provenance(stage="tracks"), every)
    make_atlas(run, folder / "atlas", AtlasParams())
    write_report(run, folder / "report.html", ReportParams(concepts=4, unnamed=4, cards=2))
    return run
