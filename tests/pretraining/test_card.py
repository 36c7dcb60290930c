"""A model card holds what was measured: the same windows, chains that never saw them, the same bytes twice."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from photo51.config.model import ModelCardParams
from photo51.config.pretrain import PretrainParams
from photo51.model.families.adapters import load_model
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.pretraining.card import read_pretraining_log, write_card
from photo51.pretraining.corpus import heldout_windows, pack
from photo51.pretraining.pretrain import bits_per_base, save_half
from photo51.types import InputError

SHAPE = {"hidden_size": 32, "mlp_size": 40, "n_heads": 2, "hcs_groups": 4, "hcm_groups": 8, "vocab_size": 128}

PARAMS = ModelCardParams(order=3, windows=4, tuning_windows=4, genes=6, codons=130, gene_bases=300)
RUN = PretrainParams(
    architecture={**SHAPE, "block_kinds": "sl"},
    mixture={"one": 0.75, "two": 0.25},
    length=64,
    batch=2,
    steps=20,
)
CODONS = ["CTA", "AAC", "GAT", "ATC", "CAG", "ACC", "GGC", "TTA"]  # stops in every frame but their own
SPACER = "TAATTAACTAGTTAGATGA" * 3


def coding(rng, n):
    """Genes of 140 codons between stops, `n` bases at least."""
    text = ""
    while len(text) < n:
        text += SPACER + "ATG" + "".join(rng.choice(CODONS, 140)) + "TAA"
    return text


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    rng = np.random.default_rng(0)
    rows, sequences = [], {}
    for group, source, make in (
        ("bacteria", "one", lambda: coding(rng, 21_000)),
        ("plastid", "two", lambda: "".join(rng.choice(list("ACGT"), 2_000, p=[0.4, 0.1, 0.1, 0.4]))),
    ):
        for i in range(4):
            name = f"{group}{i}"
            rows.append((name, source, group, f"{group} {i}", "heldout" if i == 3 else "train"))
            sequences[name] = make()
    records = pd.DataFrame(rows, columns=["record", "source", "group", "species", "split"])
    return pack(sequences, records, tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    lines = [
        {"step": 10, "loss_bits": 2.5, "tokens_per_s": 7},
        {"step": 20, "loss_bits": 9.0, "tokens_per_s": 7},
    ]
    lines += [
        {"step": 20, "loss_bits": 1.9, "tokens_per_s": 8},
        {"step": 20, "heldout_bits": {"bacteria": 1.95}},
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "params.json").write_text(RUN.model_dump_json())
    return folder


@pytest.fixture(scope="module")
def made(corpus, run):
    torch.manual_seed(0)
    save_half(StripedHyena(StripedHyenaConfig(**RUN.architecture)), run / "model")
    model = load_model(run / "model", device="cpu")
    return model, write_card(model, corpus, run, run / "model", PARAMS), run / "model"


def table(card):
    return pd.DataFrame(card["heldout"]).set_index(["group", "predictor"])


def test_bits_of_the_model_are_those_of_pretraining_on_the_same_windows(made, corpus):
    model, card, _ = made
    for group, ids in heldout_windows(corpus, 64, 4, RUN.seed).items():
        want = bits_per_base(model.model, torch.from_numpy(ids.astype(np.int64)))
        assert table(card).loc[(group, "model"), "bits"] == pytest.approx(want.mean(), abs=1e-5)


def test_chains_know_what_they_were_planted_with(made):
    """AT-rich random sequence: its own chain reaches the entropy of its composition; coding needs a codon of context."""
    bits = table(made[1])["bits"]
    entropy = -2 * (0.4 * np.log2(0.4) + 0.1 * np.log2(0.1))
    # 4 windows of 63 scored bases, whose bits have a standard deviation of 0.8: three standard errors
    assert bits["plastid", "markov_own_1"] == pytest.approx(entropy, abs=0.15)
    assert bits["plastid", "markov_own_1"] < bits["plastid", "markov_1"]
    assert bits["bacteria", "markov_own_3"] < bits["bacteria", "markov_own_1"] - 0.2
    best = made[1]["best_markov"]["bacteria"]
    chains = bits["bacteria"].drop("model")
    assert chains[best] == chains.min()
    gains = table(made[1])["model_gains"]["bacteria"]
    assert gains[best] == pytest.approx(chains[best] - bits["bacteria", "model"])


def test_a_chain_of_three_tells_shifted_frames_of_planted_codons_and_not_their_order(made):
    frames = pd.DataFrame(made[1]["frames"]).set_index(["predictor", "copy"])
    chain = made[1]["best_markov"]["bacteria"]
    assert frames.loc[(chain, "frame_shifted"), "paired"] > 0.9
    shuffled = frames.loc[(chain, "codon_shuffled")]
    assert abs(shuffled["bits_real"] - shuffled["bits_copy"]) < 0.05, "codons were drawn in no order"
    assert set(frames["genes"]) == {6}


def test_the_card_says_what_was_measured(made):
    _, card, folder = made
    text = (folder / "README.md").read_text()
    assert card["steps"] == 20
    assert card["bases_read"] == card["bases_trained"] == 20 * 2 * 64
    assert [run["steps"] for run in card["runs"]] == [20]
    assert "\nlength: 64\n" in text
    assert f"{table(card).loc[('plastid', 'model'), 'bits']:.4f}" in text
    assert "| one | 0.75 | 3 | 3 |" in text
    # neither the model nor its corpus comes with photo51
    for ours in ("sh2:model", "recipe.tsv.gz", "virus", "Licence"):
        assert ours not in text
    assert "`records.parquet` of the corpus" in text
    assert "photo51 pretrain corpus" in text
    assert (folder / "loss.svg").read_text().startswith("<?xml")
    assert len(card["known_loss"]["sequence"]) == 64
    assert "sources" not in card or card["sources"] == [], "each group has one source"


def test_groups_of_several_sources_are_told_by_source(made, corpus, run, tmp_path):
    """Coding genomes and random sequence in one group: a chain of the whole group knows the genomes better."""
    model, _, _ = made
    r = corpus.records
    mixed = corpus._replace(records=r.assign(group="bacteria"))
    card = write_card(model, mixed, run, tmp_path, PARAMS)
    rows = pd.DataFrame(card["sources"]).set_index("source")
    assert rows["species"].to_dict() == {"one": 1, "two": 1}
    assert rows["windows"].to_dict() == {"one": 4, "two": 4}
    assert set(rows["chain"]) == {card["best_markov"]["bacteria"]}
    assert rows["model_gains"].to_numpy() == pytest.approx((rows["chain_bits"] - rows["bits"]).to_numpy())
    for source, ids in heldout_windows(mixed, 64, 4, RUN.seed, by="source").items():
        want = bits_per_base(model.model, torch.from_numpy(ids.astype(np.int64)))
        assert rows.loc[source, "bits"] == pytest.approx(want.mean(), abs=1e-5)
    assert "single genes are not genomes" in (tmp_path / "README.md").read_text()


def test_what_the_model_did_not_read_and_what_is_not_known_of_it_is_said(made, corpus, run, tmp_path):
    model, _, _ = made
    (tmp_path / "run").mkdir()
    for name in ("log.jsonl", "params.json"):
        (tmp_path / "run" / name).write_bytes((run / name).read_bytes())
    params = json.loads((run / "params.json").read_text())
    (tmp_path / "run" / "params.json").write_text(json.dumps(params | {"mixture": {"one": 1.0}}))
    write_card(model, corpus, tmp_path / "run", tmp_path / "run", PARAMS)
    text = (tmp_path / "run" / "README.md").read_text()
    assert "that of two too, which the model did not read" in text
    assert "species that were never trained on" in text


def test_notes_beside_the_weights_are_on_the_page(made, corpus, run, tmp_path):
    model, _, _ = made
    (tmp_path / "notes.md").write_text("## Trials\n\nWider was worse.\n")
    write_card(model, corpus, run, tmp_path, PARAMS)
    assert (tmp_path / "README.md").read_text().endswith("\n## Trials\n\nWider was worse.\n")


def test_the_same_measurement_gives_the_same_bytes(made, corpus, run):
    model, _, folder = made
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    write_card(model, corpus, run, folder, PARAMS)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_steps_done_twice_count_as_they_were_last_done(run):
    log = read_pretraining_log(run).set_index("step")
    assert log.loc[20, "loss_bits"] == 1.9
    assert log.loc[20, "heldout_bacteria"] == 1.95
    assert np.isnan(log.loc[10, "heldout_bacteria"])


def test_runs_that_are_absent_broken_or_of_another_model_are_refused(made, corpus, tmp_path):
    model, _, folder = made
    with pytest.raises(InputError, match=r"--params|params\.json"):
        write_card(model, corpus, tmp_path, folder, PARAMS)
    other = RUN.model_copy(update={"architecture": {**RUN.architecture, "mlp_size": 48}})
    (tmp_path / "params.json").write_text(other.model_dump_json())
    with pytest.raises(InputError, match=r"need the folder of a pretraining run with log\.jsonl"):
        write_card(model, corpus, tmp_path, folder, PARAMS)
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss_bits": 2}\nstep 2\n')
    with pytest.raises(InputError, match=r"log\.jsonl:2: need a JSON object with a step, got 'step 2'"):
        write_card(model, corpus, tmp_path, folder, PARAMS)
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss_bits": 2}\n')
    with pytest.raises(InputError, match="got one with mlp_size 48"):
        write_card(model, corpus, tmp_path, folder, PARAMS)


def test_a_model_of_another_place_is_not_ours_for_its_name(made, corpus, run, tmp_path):
    model, _, _ = made
    (tmp_path / "base").mkdir()
    write_card(model, corpus, run, tmp_path / "base", PARAMS)
    text = (tmp_path / "base" / "README.md").read_text()
    assert "sh2:base" not in text
    assert "Licence" not in text
