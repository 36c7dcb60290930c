from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from synthetic_run import MEANING

from photo51.report.atlas import search as atlas_search
from photo51.report.atlas.find import _annotation, _circular_place, _over_origin, find, gene_spans
from photo51.types import InputError


def test_an_annotation_leads_to_its_features_ranked(run):
    found = find(run, "start codon")
    assert found.table["feature"].iloc[0] == 0
    assert found.table["grade"].iloc[0] == "strong"
    assert MEANING[0] == "start_codon"


def test_a_gene_leads_to_the_features_along_it_in_sense_and_antisense(run, bare):
    _, codes = bare
    genes = run.genomes.annotations()
    table = run.places.workspace.table
    for gene in genes[genes["kind"] == "gene"].to_dict("records")[:6]:
        found = find(run, str(gene["name"]).upper())
        inside = np.zeros(run.codes.n_rows, dtype=bool)
        for s in table[(table["genome"] == gene["genome"]) & (table["chrom"] == gene["chrom"])].itertuples():
            a, b = max(s.start, gene["start"]), min(s.end, gene["end"])
            inside[s.offset + a - s.start : s.offset + max(a, b) - s.start] = True
        if not inside.any():
            assert "not read in this run" in found.title
            continue
        for way, strand in (("sense", gene["strand"]), ("antisense", "-" if gene["strand"] == "+" else "+")):
            dense = codes[strand][inside].toarray()
            expected = {f: (dense[:, f].max(), (dense[:, f] > 0).sum()) for f in np.flatnonzero(dense.max(axis=0))}
            rows = found.table[found.table["reads"] == way].set_index("feature")
            assert set(rows.index) == set(expected)
            assert all(rows.loc[f, "active"] == n for f, (_, n) in expected.items())


def test_a_pasted_sequence_is_found_on_either_strand(run):
    s = run.places.workspace.table.iloc[0]
    bases = (
        run.genomes.sequence(s["genome"], s["chrom"], int(s["start"]) + 40, int(s["start"]) + 100).tobytes().decode()
    )
    place = f"{s['chrom']}:{s['start'] + 41:,}-{s['start'] + 100:,}"
    assert f"{place} (+)" in find(run, bases.lower()).title
    back = bases[::-1].translate(str.maketrans("ACGT", "TGCA"))
    assert f"{place} (-)" in find(run, back).title
    assert "nowhere in the" in find(run, "ACGTTGCA" * 9).title


@pytest.mark.parametrize(("circular", "read", "starts"), [(True, 100, [94]), (False, 100, []), (True, 99, [])])
def test_a_sequence_over_the_origin_of_a_circle_is_found(circular, read, starts):
    letters = np.frombuffer("".join(np.random.default_rng(5).choice(list("ACGT"), 100)).encode(), np.uint8)
    table = pd.DataFrame({"genome": "ring", "chrom": "c", "start": [0, 60], "end": [60, read]})
    genomes = SimpleNamespace(
        length=lambda *_: 100,
        is_circular=lambda *_: circular,
        sequence=lambda _g, _c, start, end: np.take(letters, np.arange(start, end), mode="wrap"),
    )
    small = SimpleNamespace(genomes=genomes, places=SimpleNamespace(workspace=SimpleNamespace(table=table)))
    over = np.take(letters, np.arange(94, 107), mode="wrap").tobytes().decode()
    assert [start for _, _, start in _over_origin(small, over)] == starts
    # what lies on one side alone is found there, not here
    assert not list(_over_origin(small, letters[2:20].tobytes().decode()))
    assert _circular_place(small, "ring", "c", 94, 107) == "c:95-7"
    assert _circular_place(small, "ring", "c", 90, 100) == "c:91-100"


def test_a_place_is_one_based_and_by_contig_or_by_genome(run):
    s = run.places.workspace.table.query("genome == 'ring'").iloc[0]
    at = int(s["start"]) + 50
    one, two = find(run, f"chromosome:{at + 1:,}-{at + 20:,}"), find(run, f"ring:{at + 1}-{at + 20}")
    assert one.title == two.title
    assert "all 20 bases were read" in one.title
    with pytest.raises(InputError, match="within 1–40,000"):
        find(run, "ring:40,001")


def test_a_variant_is_found_by_its_change_of_bases(run):
    v = run.need("variants").iloc[0]
    found = find(run, f"m.{v['pos'] + 1}{v['ref']}>{v['alt']}")
    assert v["variant"] in set(found.table["variant"])
    assert "not among the 60 variants" in find(run, "m.39999A>G").title


def test_a_variant_with_a_contig_is_found_on_that_contig_alone(run):
    v = run.need("variants").iloc[0]
    change = f"g.{v['pos'] + 1}{v['ref']}>{v['alt']}"
    for name in (v["chrom"], v["genome"]):
        assert v["variant"] in set(find(run, f"{name}:{change}").table["variant"])
    assert v["variant"] in set(find(run, f"{v['chrom']}:{v['pos'] + 1}:{v['ref']}>{v['alt']}").table["variant"])
    other = next(c for c in run.genomes.contigs["chrom"] if c != v["chrom"])
    assert "not among the 60 variants" in find(run, f"{other}:{change}").title
    with pytest.raises(InputError, match=r"need a contig or genome of the run .*, got 'nowhere'"):
        find(run, f"nowhere:{change}")


def test_a_class_is_found_by_its_name_in_files_and_in_words(run):
    assert find(run, "start_codon").table.equals(find(run, "start codon").table)


def test_a_feature_and_what_nothing_is_called(run):
    assert find(run, "feature 6").text.startswith("f6 ")
    with pytest.raises(InputError, match="got nothing that this run knows"):
        find(run, "nosuchthing")


@pytest.fixture
def unnamed_class():
    """A run in which no feature is called after tRNA, and two are associated with it."""
    enrichment = pd.DataFrame(
        {
            "feature": [7, 8, 9, 7],
            "annotation": ["tRNA", "tRNA", "tRNA", "rRNA"],
            "strand": ["sense", "antisense", "sense", "sense"],
            "status": ["tested", "tested", "3 instances", "tested"],
            "log2_fold": [2.0, 3.0, 9.0, 1.0],
            "p_rot": [1e-4, 1e-9, 0.0, 0.0],
            "q": [0.01, 1e-6, 0.0, 0.0],
            "q_adj_comp": [0.04, 0.5, 0.0, 0.0],
            "n_intervals": [58, 58, 3, 7],
        }
    )
    names = pd.DataFrame(
        {"annotation": ["CDS", "rRNA"], "feature": [1, 7], "strand": "sense", "grade": ["strong", "weak"]}
    )
    return SimpleNamespace(
        table={"names": names, "enrichment": enrichment}.get,
        genomes=SimpleNamespace(annotations=lambda: pd.DataFrame({"kind": ["tRNA", "rRNA", "CDS"]})),
    )


def test_a_class_that_no_feature_is_called_after_leads_to_what_is_associated_with_it(unnamed_class):
    found = _annotation(unnamed_class, "tRNA")
    assert found.title.endswith(
        "no feature is named after it or close to it; 2 features associated with it (q ≤ 0.05), 1 beyond composition"
    )
    assert found.table["feature"].tolist() == [8, 7]
    assert found.table["q"].tolist() == [1e-6, 0.01]


def test_the_atlas_knows_the_same_associations_below_all_evidence(unnamed_class):
    known = atlas_search.evidence(unnamed_class, np.array([1, 7, 8, 9]))
    graded = {(r, text.split()[0]): g for r, text, g in zip(known["row"], known["label"], known["grade"], strict=True)}
    assert graded[0, "coding"] == 3
    assert graded[1, "rrna"] == 1  # a class with evidence keeps to it
    assert 0.7 < graded[1, "trna"] < 0.75  # beyond composition
    assert 0.4 < graded[2, "trna,"] <= 0.5  # antisense; composition explains it
    assert len(graded) == 4


def test_copies_of_a_gene_are_not_one_long_gene():
    """Two copies of tnpA, a gene with its coding sequence, and a gene across a circle's origin, by hand."""
    columns = ["genome", "chrom", "start", "end", "strand"]
    rows = pd.DataFrame(
        [
            ("g", "c", 9_000, 9_900, "+"),
            ("g", "c", 100, 1_000, "+"),
            ("g", "c", 100, 1_003, "+"),
            ("g", "c", 400, 700, "-"),
            ("h", "c", 0, 50, "+"),
            ("h", "c", 16_000, 16_569, "+"),
        ],
        columns=columns,
    )
    assert gene_spans(rows) == [
        ("g", "c", 100, 1_003, "+"),
        ("g", "c", 9_000, 9_900, "+"),
        ("g", "c", 400, 700, "-"),
        ("h", "c", 0, 50, "+"),
        ("h", "c", 16_000, 16_569, "+"),
    ]
    assert sum(b - a for *_, a, b, _ in gene_spans(rows)) == 903 + 900 + 300 + 50 + 569


def test_a_name_that_was_not_checked_is_not_said_to_hold_in_none_of_none(unnamed_class):
    names = unnamed_class.table("names").assign(
        rank=0, evidence="top windows", f1_domain=np.nan, mcc=np.nan, q=np.nan, top_share=0.8,
        n_survived=[2, 0], n_checks=[3, 0],
    )  # fmt: skip
    unnamed_class.table = {"names": names}.get
    assert _annotation(unnamed_class, "rRNA").table["checks that hold"].tolist() == ["not checked"]
    assert _annotation(unnamed_class, "CDS").table["checks that hold"].tolist() == ["2 of 3"]
