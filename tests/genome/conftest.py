"""What the genome tests share: embedded data, small files, and one prepared run."""

import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings

from photo51.config.genome import GenomeParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.axis.workspace import Workspace
from photo51.genome.preparation.prepare import prepare

sys.path.insert(0, str(Path(__file__).parent))

settings.register_profile("genome", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("genome")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def resources():
    return ROOT / "resources"


@pytest.fixture
def write(tmp_path):
    """Write a text or bytes file and return its path."""

    def _write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


@pytest.fixture(scope="session")
def workspace_of():
    """A workspace from rows (chrom, start, end, block) or (chrom, start, end, block, split) of genome g."""

    def _workspace(*rows):
        full = [("g", *r, *(["train"] if len(r) == 4 else [])) for r in rows]
        return Workspace(pd.DataFrame(full, columns=["genome", "chrom", "start", "end", "block", "split"]))

    return _workspace


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """phiX174, the human mitochondrion and the TB loci, prepared with short windows."""
    folder = tmp_path_factory.mktemp("small")
    data = ROOT / "resources"
    (folder / "genomes.tsv").write_text(
        "genome\tsequence\tannotation\tgenetic_code\ttopology\textra_annotations\n"
        f"phix\t{data}/phage/NC_001422.1_phiX174.gbk.gz\t-\t-\t-\t-\n"
        f"mt\t{data}/human_mt/NC_012920.1.fa\t{data}/human_mt/genes.tsv\t2\tcircular\t*={data}/human_mt/functional_loci.bed\n"
        f"tb\t{data}/tb_amr/H37Rv_loci.fa.gz\t{data}/tb_amr/genes.tsv\t11\tpieces:4411532\t-\n"
    )
    return prepare(folder / "genomes.tsv", folder / "out", GenomeParams(core=1000, warmup=200, block=16_384))


@pytest.fixture(scope="session")
def small_annotations(small: Genomes):
    return small.annotations()
