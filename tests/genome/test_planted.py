"""The synthetic genome is what it says it is, letter by letter, and survives its files."""

import numpy as np
import pytest

from benchmarks.planted.genome import TFBS, planted_genome, write_planted
from photo51.config.genome import AnnotationParams, GenomeParams
from photo51.genome.alphabet import decode, reverse_complement
from photo51.genome.axis.homology import homologous_groups, sketch
from photo51.genome.consequence import genetic_code
from photo51.genome.preparation.prepare import prepare


@pytest.fixture(scope="module")
def planted():
    return planted_genome(60_000, seed=3)


def read(planted, row):
    bases = planted.contig.record.ids[row.start : row.end]
    return decode(reverse_complement(bases) if row.strand == "-" else bases)


def rows(planted, kind):
    return list(planted.annotations[planted.annotations["kind"] == kind].itertuples())


def test_it_has_the_length_asked_for_and_all_classes(planted):
    assert len(planted.contig.record.ids) == 60_000
    expected = {"gene", "CDS", "start_codon", "stop_codon", "tRNA", "promoter", "rbs", "terminator", "operon", "operon_start",
                "TFBS", "mobile_element", "prophage", "CRISPR", "CRISPR_repeat", "CRISPR_spacer", "intergenic"}  # fmt: skip
    assert expected <= set(planted.annotations["kind"])
    for kind in ("CDS", "promoter", "mobile_element", "tRNA"):
        assert {r.strand for r in rows(planted, kind)} == {"+", "-"}


def test_every_gene_is_open_from_its_start_to_its_stop(planted):
    code = genetic_code(11)
    for cds in rows(planted, "CDS"):
        letters = read(planted, cds)
        protein = [code.translate(letters[i : i + 3]) for i in range(0, len(letters), 3)]
        assert len(letters) % 3 == 0
        assert letters[:3] == "ATG"
        assert protein[-1] == "*"
        assert "*" not in protein[:-1]


def test_signals_are_where_they_are_said_to_be(planted):
    assert {read(planted, r) for r in rows(planted, "rbs")} == {"AGGAGG"}
    assert {read(planted, r) for r in rows(planted, "TFBS")} == {TFBS}
    assert len({read(planted, r) for r in rows(planted, "CRISPR_repeat")}) == 1
    boxes = np.array(
        [[a == b for a, b in zip(read(planted, r)[:6], "TTGACA", strict=True)] for r in rows(planted, "promoter")]
    )
    assert boxes.mean() > 0.85
    for t in rows(planted, "terminator"):
        letters = read(planted, t)
        assert letters[:8] == decode(reverse_complement(np.frombuffer(letters[12:20].encode(), dtype=np.uint8)))
        assert letters[20:] == "T" * 8


def test_trnas_fold(planted):
    for t in rows(planted, "tRNA"):
        letters = read(planted, t)
        acceptor, partner = letters[:7], letters[-11:-4]
        assert acceptor == decode(reverse_complement(np.frombuffer(partner.encode(), dtype=np.uint8)))
        assert letters.endswith("ACCA")


def test_insertion_copies_are_nearly_equal(planted):
    copies = [read(planted, r) for r in rows(planted, "mobile_element")]
    same = [np.mean([a == b for a, b in zip(copies[0], c, strict=True)]) for c in copies[1:]]
    assert min(same) > 0.95
    assert max(same) < 1


def test_the_prophage_has_a_composition_of_its_own():
    """Codon usage of its genes differs from the host's: total variation distance over 61 codons."""
    p = planted_genome(100_000, seed=5)
    (phage,) = rows(p, "prophage")
    usage = []
    for inside in (True, False):
        letters = [read(p, r) for r in rows(p, "CDS") if (phage.start <= r.start < phage.end) == inside]
        codons = [x[i : i + 3] for x in letters for i in range(3, len(x) - 3, 3)]
        names, counts = np.unique(codons, return_counts=True)
        usage.append(dict(zip(names, counts / counts.sum(), strict=True)))
    keys = set(usage[0]) | set(usage[1])
    assert sum(abs(usage[0].get(k, 0) - usage[1].get(k, 0)) for k in keys) / 2 > 0.2


def test_seeds_decide(planted):
    again, other = planted_genome(60_000, seed=3), planted_genome(60_000, seed=4)
    assert np.array_equal(again.contig.record.ids, planted.contig.record.ids)
    assert again.annotations.equals(planted.annotations)
    assert not np.array_equal(other.contig.record.ids, planted.contig.record.ids)


def test_files_say_what_the_genome_is(planted, tmp_path):
    params = GenomeParams(
        annotation=AnnotationParams(predict=()),
        block=8_192,
        gap=512,
        core=1000,
        warmup=100,
        homology_bases=300,
    )
    genomes = prepare(write_planted([planted], tmp_path / "files"), tmp_path / "out", params)
    columns = ["start", "end", "strand", "kind", "name", "frame"]
    read_back, made = (
        t[columns].sort_values(columns, ignore_index=True) for t in (genomes.annotations(), planted.annotations)
    )
    assert read_back.equals(made)
    assert np.array_equal(genomes.sequence("planted", "chr", 0, 60_000), planted.contig.record.ids)
    w = genomes.workspace()
    assert set(w.block_splits) == {"train", "select", "test"}
    sketches = []
    for rows_ in w.block_rows():
        place = w.locate(np.arange(rows_.start, rows_.stop)).position
        sketches.append(sketch(planted.contig.record.ids[place], 31))
    groups = homologous_groups(sketches, 300)
    assert all(len({w.block_splits[i] for i in np.flatnonzero(groups == g)}) == 1 for g in groups)


def test_too_short_a_genome_is_refused():
    with pytest.raises(ValueError, match="more bases"):
        planted_genome(5_000)
