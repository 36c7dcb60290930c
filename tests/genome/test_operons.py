from photo51.genome.annotation.features import Feature, Part
from photo51.genome.annotation.operons import operon_rows, transcription_units


def gene(name, *parts):
    return Feature("c", "gene", tuple(Part(*p) for p in parts), name, name)


def names(units):
    return [[g.name for g in u.genes] for u in units]


def test_distance_and_strand_by_hand():
    genes = [
        gene("a", (0, 100, "+")),
        gene("b", (150, 200, "+")),  # 50 after a
        gene("c", (251, 300, "+")),  # 51 after b
        gene("d", (300, 400, "-")),
        gene("e", (390, 500, "-")),  # overlaps d
        gene("f", (500, 600, ".")),  # no strand
    ]
    units = transcription_units(genes, 50, 1000, circular=False)
    # on strand - the gene of the highest coordinates is read first
    assert names(units) == [["a", "b"], ["c"], ["e", "d"]]


def test_a_gene_inside_another_does_not_end_a_unit():
    genes = [gene("a", (0, 500, "+")), gene("b", (10, 50, "+")), gene("c", (520, 600, "+"))]
    assert names(transcription_units(genes, 50, 1000, circular=False)) == [["a", "b", "c"]]


def test_a_unit_may_cross_the_origin():
    genes = [gene("a", (10, 100, "+")), gene("b", (500, 600, "-")), gene("c", (900, 980, "+"))]
    assert names(transcription_units(genes, 30, 1000, circular=True)) == [["c", "a"], ["b"]]
    assert names(transcription_units(genes, 30, 1000, circular=False)) == [["a"], ["b"], ["c"]]
    crossing = [gene("x", (950, 1000, "+"), (0, 40, "+")), gene("y", (60, 90, "+"))]
    units = transcription_units(crossing, 30, 1000, circular=True)
    assert names(units) == [["x", "y"]]
    rows = operon_rows(units, 15, 1000, circular=True)
    assert [(r.start, r.end) for r in rows if r.kind == "operon_predicted"] == [(950, 1000), (0, 90)]
    assert [(r.start, r.end) for r in rows if r.kind == "operon_start_predicted"] == [(935, 965)]


def test_single_genes_have_a_start_and_no_operon():
    units = transcription_units([gene("a", (100, 200, "-"))], 50, 1000, circular=False)
    rows = operon_rows(units, 15, 1000, circular=False)
    assert [(r.kind, r.start, r.end, r.strand) for r in rows] == [("operon_start_predicted", 185, 215, "-")]
