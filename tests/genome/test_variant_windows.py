"""Windows around variants: circles, contig ends, and references that are others."""

import numpy as np
import pandas as pd
import pytest

from photo51.config.genome import GenomeParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.preparation.prepare import prepare
from photo51.genome.variants.files import read_variants
from photo51.genome.variants.windows import check_reference
from photo51.types import InputError

TEXT = "ACGTTGCAAGCTTAGCCATGGATCCGATTA"


@pytest.fixture(scope="module")
def thirty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thirty")
    (folder / "a.fa").write_text(f">c\n{TEXT}\n>d\n{TEXT}\n")
    (folder / "genomes.tsv").write_text("genome\tsequence\ttopology\ng\ta.fa\tcircular:c\n")
    return prepare(folder / "genomes.tsv", folder / "out", GenomeParams(min_context=0, split_by="genome", gap=0))


def variants(*rows):
    table = pd.DataFrame(rows, columns=["chrom", "pos", "ref", "alt"])
    return table.assign(id="", line=np.arange(len(table)))


def test_mismatches_and_absent_contigs_are_counted_apart(thirty, caplog):
    good = [("d", i, TEXT[i], "T" if TEXT[i] != "T" else "A") for i in range(30)]
    bad = [("d", 3, "G", "C"), ("d", 28, "TAA", "T"), ("nowhere", 1, "A", "C"), ("c", 29, "AAC", "A")]
    check = check_reference(thirty, "g", variants(*good, *bad), max_mismatch=0.2)
    assert (check.n, len(check.matches), check.mismatches["found"].tolist()) == (34, 31, ["T", ""])
    assert check.absent["chrom"].tolist() == ["nowhere"]
    assert check.refused()["reason"].tolist() == [
        "reference allele is T in the genome",
        "reference allele is past the end in the genome",
        "contig 'nowhere' is not in the genome",
    ]
    assert (
        "2 of 33 reference alleles are not those of g: d:4 G (genome: T); d:29 TAA (genome: past the end)"
        in caplog.text
    )
    with pytest.raises(InputError, match="was the set called against another reference"):
        check_reference(thirty, "g", variants(*good, *bad))


def test_every_embedded_variant_has_the_base_of_its_genome(small: Genomes, resources):
    for genome, file, chrom in (
        ("mt", "human_mt/variants.tsv.gz", "NC_012920.1"),
        ("tb", "tb_amr/variants.tsv", "NC_000962.3"),
        ("tb", "tb_amr/synonymous_controls.tsv", "NC_000962.3"),
    ):
        table = read_variants(resources / file, [chrom]).table
        assert len(check_reference(small, genome, table, max_mismatch=0.0).matches) == len(table)
