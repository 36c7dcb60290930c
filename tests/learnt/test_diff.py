import json

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from benchmarks.planted.chain import MarkovStream
from photo51.cli import app
from photo51.config.learnt import DiffParams, WordsParams
from photo51.learnt.diff.compare import check_pair, diff, next_base_laws
from photo51.learnt.diff.gate import gate, overall_verdict
from photo51.learnt.diff.windows import draw_windows
from photo51.learnt.opening import number_types, opener
from photo51.learnt.words.amplify import Amplified, amplified_rates, extrapolate
from photo51.learnt.words.patterns import iupac_event
from photo51.model.families.adapters import load_model
from photo51.model.families.native import Native
from photo51.types import InputError

PARAMS = DiffParams(windows=4, window=128, warmup=16, batch=3, positions=10, context=4)


@pytest.fixture(scope="module")
def nano():
    return load_model("sh2:nano")


@pytest.fixture(scope="module")
def changed(nano):
    """nano whose head prefers G by a quarter of a nat, everywhere."""
    other = load_model("sh2:nano")
    network = other.model

    class Shifted(type(network)):
        def logits(self, hidden):
            scores = super().logits(hidden)
            scores[..., ord("G")] += 0.25
            return scores

    network.__class__ = Shifted
    return Native("shifted", network)


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    path = tmp_path_factory.mktemp("diff") / "g.fa"
    rng = np.random.default_rng(4)
    bases = "".join(rng.choice(list("ACGT"), 700))
    path.write_text(f">one\n{bases[:300]}N{bases[300:]}\n>short\nACGT\n")
    return path


def test_windows_are_where_they_say(fasta):
    windows = draw_windows(fasta, 10, 128, 1)
    assert windows.places["start"].tolist() == [0, 128, 384, 512]  # 256..384 holds the N at 300
    text = fasta.read_text().splitlines()[1]
    assert windows.plus[2].tobytes().decode() == text[384:512]
    turn = str.maketrans("ACGT", "TGCA")
    assert windows.minus[2].tobytes().decode() == text[384:512].translate(turn)[::-1]
    with pytest.raises(InputError, match="in a row"):
        draw_windows(fasta, 10, 900, 1)
    with pytest.raises(InputError, match=r"need 5 windows of 128 bases .* got 4: set a shorter `window`"):
        draw_windows(fasta, 10, 128, 1, least=5)


def test_a_model_differs_from_itself_by_exactly_nothing(nano, fasta):
    found = diff(nano, nano, draw_windows(fasta, 4, 128, 1), PARAMS)
    assert (found.windows[["kl", "kl_top", "delta_bits"]] == 0).all(axis=None)
    assert found.positions.empty
    assert (found.offsets[["offset", "offset_first"]] == 0).all(axis=None)


def test_divergence_of_a_known_change(nano, changed, fasta):
    windows = draw_windows(fasta, 4, 128, 1)
    laws = next_base_laws(nano, changed, windows.plus, 3)
    scores = nano.forward(windows.plus[:1]).logits[0][:, [ord(b) for b in "ACGT"]].double()
    p = torch.softmax(scores, -1).numpy()
    t = 40
    weight = p[t - 1] * np.array([1, 1, np.exp(0.25), 1])
    q = weight / weight.sum()
    assert laws.kl[0, t] == pytest.approx((q * np.log2(q / p[t - 1])).sum(), rel=1e-4)
    own = "ACGT".index(chr(windows.plus[0, t]))
    assert laws.bits_a[0, t] == pytest.approx(-np.log2(p[t - 1, own]), rel=1e-5)
    assert laws.bits_b[0, t] == pytest.approx(-np.log2(q[own]), rel=1e-5)
    assert np.isnan(laws.kl[:, 0]).all()


def test_positions_lie_on_the_base_they_show(nano, changed, fasta):
    found = diff(nano, changed, draw_windows(fasta, 4, 128, 1), PARAMS)
    text = fasta.read_text().splitlines()[1]
    turn = str.maketrans("ACGT", "TGCA")
    assert set(found.positions["strand"]) == {"+", "-"}
    for row in found.positions.itertuples():
        a, b = row.position - 4, row.position + 5
        seen = text[a:b] if row.strand == "+" else text[a:b].translate(turn)[::-1]
        if len(row.around) == 9:
            assert row.around == seen
    assert found.windows["kl"].gt(0).all()
    assert (found.offsets["offset"] == 0).all()  # only the head differs


def test_no_position_of_the_warm_up_is_listed(nano, changed, fasta):
    """One window of 128 bases, 100 of them warm-up: 28 on each strand are left, and more are asked for."""
    windows = draw_windows(fasta, 1, 128, 1)
    found = diff(nano, changed, windows, DiffParams(window=128, warmup=100, positions=200)).positions
    start = windows.places["start"].iloc[0]
    assert found[found["strand"] == "+"]["position"].min() >= start + 100
    assert found[found["strand"] == "-"]["position"].max() < start + 28
    assert len(found) == 56


def test_a_warm_up_as_long_as_a_window_is_refused():
    with pytest.raises(ValueError, match=r"warmup: need fewer bases than window \(128\), got 128"):
        DiffParams(window=128, warmup=128)


def test_models_of_another_vocabulary_are_refused(nano):
    class Other:
        class spec:
            name, tokenizer, bp_per_token = "other", "6-mers", 6.0

    with pytest.raises(InputError, match="one base a token"):
        check_pair(nano, Other)


def test_number_types_come_in_pairs():
    assert number_types("float32,float16") == ("float32", "float16")
    assert number_types(None) == (None, None)
    with pytest.raises(InputError, match=r"--dtypes: need those of A and B"):
        number_types("float16")


def test_scores_that_overflow_are_named(nano, fasta):
    other = load_model("sh2:nano")
    with torch.inference_mode():
        other.model.norm.scale.fill_(float("inf"))
    with pytest.raises(InputError, match=r"got others from sh2:nano in float32"):
        next_base_laws(nano, other, draw_windows(fasta, 2, 128, 1).plus, 2)


def test_amplified_scores_by_hand():
    a = MarkovStream(np.array([[0.25, 0.25, 0.25, 0.25]]), np.array([0]))
    b = MarkovStream(np.array([[0.4, 0.2, 0.2, 0.2]]), np.array([0]))
    p = torch.softmax(Amplified(a, b, 2.0).scores, -1)[0].numpy()
    weight = np.array([0.4 * (0.4 / 0.25) ** 2] + [0.2 * (0.2 / 0.25) ** 2] * 3)
    assert p == pytest.approx(weight / weight.sum())


def test_rates_grow_with_strength_and_zero_is_the_model_itself():
    flat = np.array([[0.25, 0.25, 0.25, 0.25]])
    tilted = np.array([[0.4, 0.2, 0.2, 0.2]])
    contexts = np.frombuffer(b"ACGT" * 30, dtype=np.uint8)[None].repeat(4, 0)
    table = amplified_rates(
        lambda n: MarkovStream(flat, np.zeros(len(n), int)),
        lambda n: MarkovStream(tilted, np.zeros(len(n), int)),
        [iupac_event("AAAA")],
        contexts,
        [1, 2, 4],
        WordsParams(warmup=16, every=8),
    )
    zero = table[table["alpha"] == 0].iloc[0]
    both = 0.4**4 + 0.2**4  # AAAA and TTTT
    assert zero["per_kb"] == pytest.approx(1_000 * both)
    assert table["per_kb"].is_monotonic_increasing
    assert abs(np.log10(zero["extrapolated_per_kb"] / zero["per_kb"])) < 0.3
    with pytest.raises(InputError, match="between 0 and 64"):
        amplified_rates(None, None, [], contexts, [100], WordsParams())


def test_extrapolation_of_a_quadratic_is_exact_and_needs_three_levels():
    x = [0.0, 1.0, 2.0, 4.0]
    rates = [np.exp(-9 + 1.5 * a - 0.1 * a * a) for a in x]
    assert extrapolate(x, rates, [1, 50, 50, 50], 10) == pytest.approx(np.exp(-9))
    assert np.isnan(extrapolate(x, rates, [1, 50, 5, 50], 10))


def test_words_of_a_model_against_itself_do_not_grow(nano, fasta):
    contexts = draw_windows(fasta, 3, 128, 1).plus
    opened = opener(nano.model, contexts[:, :1])
    table = amplified_rates(opened, opened, [iupac_event("TTGACA")], contexts, [8], WordsParams(warmup=32, every=24))
    assert table["per_kb"].iloc[0] == pytest.approx(table["per_kb"].iloc[1], rel=1e-9)


def test_the_gate_s_three_verdicts():
    rng = np.random.default_rng(0)
    change = {
        "same": rng.normal(0.0, 0.001, 50),
        "worse": rng.normal(0.05, 0.001, 50),
        "unclear": rng.normal(0.009, 0.02, 50),
    }
    table = gate(change, tolerance=dict.fromkeys(change, 0.01)).set_index("quantity")
    assert table["verdict"].to_dict() == {"same": "pass", "worse": "fail", "unclear": "undecided"}
    assert table.loc["unclear", "windows_needed"] > 50
    assert overall_verdict(table) == "fail"
    assert overall_verdict(table.loc[["same", "unclear"]]) == "undecided"


def test_seed_noise_is_the_largest_of_the_pairs():
    twins = [{"bits": x} for x in (1.9, 1.91, 1.92, 1.9, 1.9, 1.905, 1.93)]
    table = gate({"bits": np.array([0.02, 0.0201, 0.0199, 0.02, 0.02])}, twins)
    assert table["seed_noise"].iloc[0] == pytest.approx(0.03)
    assert table["verdict"].iloc[0] == "pass"
    with pytest.raises(InputError, match="at least 7 twins"):
        gate({"bits": np.zeros(5)}, twins[:3])
    with pytest.raises(InputError, match="neither"):
        gate({"bits": np.zeros(5)})


def test_equal_models_fail_the_gate_in_at_most_a_twentieth():
    """Changes centred on the limit itself are passed in at most 5 % (one-sided level of each of the two tests)."""
    rng = np.random.default_rng(3)
    passed = [
        gate({"q": rng.normal(0.01, 0.02, 40)}, tolerance={"q": 0.01})["verdict"].iloc[0] == "pass" for _ in range(400)
    ]
    assert np.mean(passed) < 0.08


def test_features_find_what_changed(nano, fasta):
    from photo51.learnt.diff.compare import _feature_table

    rng = np.random.default_rng(1)
    rate = np.abs(rng.normal(0.1, 0.01, (1, 30, 40))).repeat(2, 0) + rng.normal(0, 0.001, (2, 30, 40))
    rate[1, :, 7] += 0.02
    table = _feature_table(rate, rate, np.array([0.1, 0.1]), 0.95)
    assert isinstance(table, pd.DataFrame)
    assert table["feature"].iloc[0] == 7
    assert (table["q"] < 0.05).sum() <= 3
    assert table["delta_rate"].iloc[0] == pytest.approx(0.02, abs=0.002)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--annotations", "other.gff3"], "need records on one"),
        (["--words", "GATC", "--params", '{"alphas": [99]}'], "strengths between 0 and 64"),
        (["--twin", "sh2:nano"], "at least 7 twins"),
    ],
)
def test_a_comparison_that_is_refused_leaves_nothing_behind(fasta, tmp_path, options, says):
    gff = tmp_path / "other.gff3"
    gff.write_text("##gff-version 3\nelsewhere\tx\tgene\t1\t9\t.\t+\t.\tID=g\n")
    if "--params" not in options:
        options = [*options, "--params", "{}"]
    small = {"windows": 3, "window": 128, "warmup": 16, "batch": 3, "joint": {"warmup": 16}}
    options[-1] = json.dumps({**small, **json.loads(options[-1])})
    words = [str(gff) if o == "other.gff3" else o for o in options]
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["diff", "sh2:nano", "sh2:nano", "--genomes", str(fasta), "--out", str(out), *words])
    assert isinstance(done.exception, InputError | SystemExit)
    assert says in str(done.exception) + done.output
    assert not out.exists()
