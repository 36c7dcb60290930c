"""One contig under several names: candidates by name, judged by length or bases."""

import numpy as np
import pandas as pd
import pytest

from photo51.config.genome import GenomeParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.formats.contig_names import candidates, judge_contig, nearest_contig
from photo51.genome.preparation.prepare import prepare
from photo51.genome.variants.windows import check_reference
from photo51.types import InputError


@pytest.mark.parametrize(
    ("name", "contigs", "expected"),
    [
        ("1", ["chr1", "chr10"], ["chr1"]),
        ("chr1", ["1", "2"], ["1"]),
        ("Chr01", ["1", "2"], ["1"]),
        ("chrM", ["MT", "1"], ["MT"]),
        ("M", ["NC_012920.1", "chr1"], ["NC_012920.1"]),
        ("mitochondrion", ["chrM", "chr1"], ["chrM"]),
        ("NC_000001.10", ["chr1", "chr2"], ["chr1"]),
        ("NC_000023.11", ["chrX", "chrY"], ["chrX"]),
        ("chrIV", ["4", "5"], ["4"]),
        ("NC_001136.10", ["chrIV", "chrV"], ["chrIV"]),
        ("NC_000962", ["NC_000962.3"], ["NC_000962.3"]),
        ("gi|448814763|ref|NC_000962.3|", ["NC_000962.3", "other"], ["NC_000962.3"]),
        ("Chromosome", ["NC_000962.3"], ["NC_000962.3"]),
        ("chr7", ["NC_012920.1"], []),
        ("scaffold_9", ["chr1", "chr2"], []),
    ],
)
def test_candidates_by_name(name, contigs, expected):
    assert candidates(name, dict.fromkeys(contigs)) == expected


def test_a_length_that_one_contig_has_makes_it_a_candidate():
    contigs = {"ctgA": 500, "ctgB": 700, "ctgC": 700}
    assert candidates("x", contigs, 500) == ["ctgA"]
    assert candidates("x", contigs, 700) == []
    assert nearest_contig("ctgb", contigs) == "ctgB"


@pytest.mark.parametrize(
    ("lengths", "bases", "same"),
    [
        ((500, 500), (0, 0), True),
        ((500, 500), (20, 5), False),
        ((501, 500), (0, 0), False),
        ((None, 500), (11, 11), False),
        ((None, 500), (12, 12), True),
        ((501, 500), (100, 97), True),
        ((None, 500), (100, 90), False),
    ],
)
def test_a_candidate_is_judged_by_length_and_bases(lengths, bases, same):
    found, why = judge_contig("1", "chr1", lengths, bases)
    assert (found is not None) is same
    assert bool(why) is not same


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    rng = np.random.default_rng(4)
    loci = {200: "".join(rng.choice(list("ACGT"), 300)), 1_200: "".join(rng.choice(list("ACGT"), 300))}
    (folder / "g.fa").write_text("".join(f">chr1:{a + 1}-{a + 300}\n{s}\n" for a, s in loci.items()))
    (folder / "genomes.tsv").write_text("genome\tsequence\ttopology\ng\tg.fa\tpieces:2000\n")
    prepare(
        folder / "genomes.tsv",
        folder / "out",
        GenomeParams(block=256, gap=16, core=128, warmup=16, min_context=0, shard=4096),
    )
    return Genomes.open(folder / "out"), loci


def table(rows, **lengths):
    made = pd.DataFrame(rows, columns=["chrom", "pos", "ref", "alt"]).assign(id="", line=range(len(rows)))
    made.attrs["contig_lengths"] = lengths
    return made


def test_alleles_between_pieces_are_not_covered_and_no_mismatch(pieces, caplog):
    genomes, loci = pieces
    rows = [("chr1", 200 + i, loci[200][i], "ACGT"["CGTA".index(loci[200][i])]) for i in range(20)]
    rows += [("chr1", p, "A", "C") for p in (5, 600, 1_900)]
    check = check_reference(genomes, "g", table(rows), max_mismatch=0.0)
    assert (len(check.matches), len(check.uncovered), len(check.mismatches)) == (20, 3, 0)
    assert check.refused()["reason"].unique().tolist() == ["not covered: the genome has no known bases there"]
    assert "3 of 23 variants are not covered by g" in caplog.text
    with pytest.raises(InputError, match=r"chr1:6\); need variants at bases of its sequence: .*topology.* \(pieces\)"):
        check_reference(genomes, "g", table(rows[20:]), max_mismatch=0.0)


def test_a_contig_of_another_name_is_taken_where_lengths_or_bases_agree(pieces, caplog):
    genomes, loci = pieces
    rows = [("1", 200 + i, loci[200][i], "ACGT"["CGTA".index(loci[200][i])]) for i in range(20)]
    check = check_reference(genomes, "g", table(rows))
    assert check.matches["chrom"].unique().tolist() == ["chr1"]
    assert "contig '1' is taken for 'chr1' of g: 20 of 20 bases of reference alleles agree" in caplog.text
    assert len(check_reference(genomes, "g", table(rows[:1], **{"1": 2_000})).matches) == 1
    with pytest.raises(InputError, match=r"contigs that g does not have: '1' \(it may be contig 'chr1' .*too few"):
        check_reference(genomes, "g", table(rows[:1]))
    with pytest.raises(InputError, match="1 has 1,999 bases by the file's header and chr1 has 2,000"):
        check_reference(genomes, "g", table(rows[:1], **{"1": 1_999}))
