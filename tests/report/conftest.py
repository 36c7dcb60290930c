import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import synthetic_run

from photo51.codes import CodesStore
from photo51.genome.genomes import Genomes
from photo51.report.places import Places


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
