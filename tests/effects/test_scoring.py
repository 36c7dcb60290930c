"""Shared prefixes give the numbers of full passes; the numbers are those of the definition."""

import numpy as np
import pytest
import torch
from scipy import sparse

from photo51.config.biomarkers import VariantsParams
from photo51.effects.scoring import AlleleScorer, PlainScorer
from photo51.effects.windows import batches, focus, places, readings
from photo51.io.origin import Origin
from photo51.model.tokenizer import reverse_complement

from .toy import ToyDnaModel, ToyGenomes, random_sequence, toy_dictionary, toy_model, variant_table

SEQUENCE = random_sequence(900)
OTHER = dict(zip("ACGT", "CGTA", strict=True))
PARAMS = VariantsParams(window=128, snap=32, batch_tokens=600)


def alleles(sequence=SEQUENCE):
    """Substitutions in crowds and alone, at both ends; a deletion, an insertion, a delins, two substitutions."""
    s = sequence
    rows = [(p, s[p], OTHER[s[p]]) for p in (0, 1, 5, 100, 101, 300, 302, 310, 500, 898, 899)]
    rows += [(400, s[400:404], s[400]), (410, s[410], s[410] + "ACG"), (420, s[420:423], "TTTTT")]
    return [*rows, (850, s[850:852], OTHER[s[850]] + OTHER[s[851]])]


def everything(table, genomes, scorer, params=PARAMS):
    """Effects by (strand, row)."""
    found = {}
    items = [r for p in places(table, genomes, params) for r in readings(p, table, genomes)]
    for strand in "+-":
        for batch in batches([r for r in items if r.strand == strand], params.batch_tokens):
            found |= {(strand, e.row): e for e in scorer.score(batch)}
    return found


def assert_same(a, b, atol=2e-4):
    assert a.keys() == b.keys()
    for key in a:
        for name in ("llr", "llr_flank", "embedding", "focal", "near", "window"):
            np.testing.assert_allclose(getattr(a[key], name), getattr(b[key], name), atol=atol, err_msg=f"{key} {name}")


@pytest.mark.parametrize(("kinds", "circular"), [("smla", ()), ("smla", ("c",)), ("h", ("c",))])
def test_shared_prefixes_equal_two_full_passes(kinds, circular):
    table, genomes = variant_table(alleles()), ToyGenomes({"c": SEQUENCE}, circular)
    site = "block.2.out" if kinds == "smla" else "block.0.out"
    model, dictionary = toy_model(kinds=kinds), toy_dictionary(site=site)
    shared = everything(table, genomes, AlleleScorer(model, dictionary, tokens=PARAMS.batch_tokens))
    assert len(shared) == 2 * len(table)
    assert_same(shared, everything(table, genomes, PlainScorer(ToyDnaModel(model), dictionary)))


def test_batch_size_and_company_do_not_matter():
    table, genomes = variant_table(alleles()), ToyGenomes({"c": SEQUENCE})
    model, dictionary = toy_model(), toy_dictionary()
    many = everything(table, genomes, AlleleScorer(model, dictionary, tokens=100_000), PARAMS)
    one = {}
    for row in (0, 4, 7, 11, 12, 14):
        alone = table.iloc[[row]].reset_index(drop=True)
        one |= {
            (s, row): e._replace(row=row)
            for (s, _), e in everything(alone, genomes, AlleleScorer(model, dictionary, tokens=128)).items()
        }
    assert_same({key: many[key] for key in one}, one)


def test_likelihood_ratio_is_that_of_the_plain_forward_pass():
    pos = 450
    table, genomes, model = (
        variant_table([(pos, SEQUENCE[pos], OTHER[SEQUENCE[pos]])]),
        ToyGenomes({"c": SEQUENCE}),
        toy_model(),
    )
    params = VariantsParams(window=256, snap=1)
    found = everything(table, genomes, AlleleScorer(model, toy_dictionary()), params)
    ref = np.frombuffer(SEQUENCE[pos - 128 : pos + 128].encode(), dtype=np.uint8).copy()
    alt = ref.copy()
    alt[128] = ord(table["alt"][0])
    for strand in "+-":
        logs = []
        for ids in (ref, alt):
            read = reverse_complement(ids) if strand == "-" else ids
            tokens = torch.from_numpy(read.astype(np.int64))[None]
            with torch.no_grad():
                log_p = model(tokens).logits.log_softmax(-1)[0, :-1]
            logs.append(log_p.gather(1, tokens[0, 1:, None])[:, 0].double().numpy())
        assert found[strand, 0].llr == pytest.approx(logs[1].sum() - logs[0].sum(), abs=1e-4)
        at = 128 if strand == "+" else 127
        flank = np.delete(logs[1] - logs[0], at - 1)
        assert found[strand, 0].llr_flank == pytest.approx(flank.sum(), abs=1e-4)


def test_reading_the_other_strand_is_reading_the_reverse_complement():
    letters = SEQUENCE.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    rows, n = alleles()[3:10], len(SEQUENCE)
    turned = [
        (
            n - p - len(r),
            r.translate(str.maketrans("ACGT", "TGCA"))[::-1],
            a.translate(str.maketrans("ACGT", "TGCA"))[::-1],
        )
        for p, r, a in rows
    ]
    scorer, params = AlleleScorer(toy_model(), toy_dictionary()), VariantsParams(window=255, snap=1)
    forward = everything(variant_table(rows), ToyGenomes({"c": SEQUENCE}, ["c"]), scorer, params)
    backward = everything(variant_table(turned), ToyGenomes({"c": letters}, ["c"]), scorer, params)
    other = {"+": "-", "-": "+"}
    assert_same({(other[s], r): e for (s, r), e in forward.items()}, backward)


class Letters:
    """A dictionary whose four features are the four bases of the token itself."""

    origin = Origin("toy", "embed", 16)
    n_features = 4

    def __init__(self, model):
        table = model.embedding_layer.weight.detach()[torch.tensor([65, 67, 71, 84])]
        self.inverse = torch.linalg.pinv(table)

    def encode(self, x, origin=None):
        return sparse.csr_matrix((x @ self.inverse.numpy()).round(3))


def test_changes_of_features_by_hand():
    """With one feature a base: C>A loses a C and gains an A wherever they are summed; an insertion has no partner."""
    sequence = "G" * 40 + "C" + "G" * 40
    table = variant_table([(40, "C", "A"), (40, "C", "CTT"), (39, "GC", "G")])
    model = toy_model()
    genomes = ToyGenomes({"c": sequence})
    found = everything(table, genomes, AlleleScorer(model, Letters(model)), VariantsParams(window=64, snap=1))
    a, c, g, t = range(4)
    substituted = found["+", 0]
    for changes in (substituted.focal, substituted.near, substituted.window):
        np.testing.assert_allclose(changes[[a, c, g, t]], [1, -1, 0, 0], atol=2e-3)
    for row in (1, 2):  # what follows an insertion or deletion is the same bases
        for strand in "+-":
            np.testing.assert_allclose(found[strand, row].window, 0, atol=5e-3)
    minus = found["-", 0]
    np.testing.assert_allclose(minus.focal, [0, 0, -1, 1], atol=2e-3)


def test_nothing_changes_before_the_variant_in_reading_direction():
    table, genomes = variant_table(alleles()[11:14]), ToyGenomes({"c": SEQUENCE})
    model = toy_model()
    before = {}
    for place in places(table, genomes, PARAMS):
        for reading in readings(place, table, genomes):
            for alt, pairs, row in zip(reading.alts, reading.pairs, reading.rows, strict=True):
                first = focus(pairs, 15).first
                with torch.no_grad():
                    hidden = [model.hidden(torch.from_numpy(x.astype(np.int64))[None])[0] for x in (reading.ref, alt)]
                same = hidden[0][pairs.ref[:first].copy()] - hidden[1][pairs.alt[:first].copy()]
                after = hidden[0][pairs.ref[first]] - hidden[1][pairs.alt[first]]
                before[reading.strand, int(row)] = (float(same.abs().max()), float(after.abs().max()))
    assert len(before) == 6
    assert all(same < 1e-5 < after for same, after in before.values())
