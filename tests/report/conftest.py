import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import synthetic_run
from synthetic_whole import build

from photo51.codes import CodesStore
from photo51.genome.axis.genomes import Genomes
from photo51.run.opened import Run
from photo51.run.places import Places


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """Genomes and codes of the synthetic run, no table beyond them; and the codes of each strand as they were laid."""
    folder = tmp_path_factory.mktemp("bare")
    genomes = synthetic_run.make_genomes(folder)
    codes = synthetic_run.make_codes(genomes, folder / "codes" / "main")
    return folder, codes


@pytest.fixture(scope="session")
def places(bare):
    folder, _ = bare
    return Places(Genomes.open(folder / "genome"), CodesStore.open(folder / "codes" / "main"))


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """Folder of a whole run; tests read it and write elsewhere."""
    folder = tmp_path_factory.mktemp("runs") / "made_up"
    build(folder)
    return folder


@pytest.fixture(scope="session")
def run(whole):
    return Run(whole)


@pytest.fixture
def poor(whole, tmp_path):
    """A copy of the run with links to its compulsory parts alone; tests add to it what they want."""
    folder = tmp_path / "poor"
    folder.mkdir()
    for name in ("genome", "codes", "features.h5ad", "top_windows.parquet"):
        (folder / name).symlink_to(whole / name)
    return folder
