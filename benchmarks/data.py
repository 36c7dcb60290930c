"""What a corpus would teach, predicted before training; contaminants of a corpus found among clean records.

Clean pieces of one genome with two records of each contaminant, each contaminant alone (top 1 % of records looked
at; the wrong clade over ten draws of two records, of *M. tuberculosis* and, `recall_clade_mt`, of a mitochondrion;
`recall_clade_features` by features alone, `recall_clade_words` by 6-mers alone): `recall_adapter`, `recall_clade`, `recall_duplicate`, `recall_payload`, `recall_simple`; the same by the best
single baseline without a trace (surprisal, 6-mers) gives `gain_over_naive`, and by exact match alone `recall_exact`.
`decoy_named`: records with five points more GC that are called foreign. `clean_discoveries`: clusters called
different, and records named, in a corpus that is clean. `predicted_r2` and `sign_agreement`: over feature clusters,
what the corpus of the memory bench differs in from the model's own writing, against what the model trained on it then
writes differently after the same prompts; `predicted_r2_shuffled` with clusters permuted.
"""

from __future__ import annotations

import logging

import numpy as np

from benchmarks._fine_tuning import fine_tune
from benchmarks.memory import COPIES, LENGTH, STEPS
from benchmarks.planted.worlds import contaminants_world, copies_world, ecoli_windows, random_word
from photo51.config.debug_data import DebugDataParams
from photo51.genome.alphabet import decode, is_ambiguous
from photo51.genome.formats.fasta import Record, read_fasta, record
from photo51.learnt.data.corpora import GENOME, dictionary_for
from photo51.learnt.data.debugging import CorpusReading, Debugged, debug_data, read_corpus
from photo51.learnt.data.disparity import cluster_values, feature_clusters
from photo51.learnt.data.record_reading import own_writing, see
from photo51.learnt.data.traces import repeated_words
from photo51.model.families.adapters import DnaModel, load_model
from photo51.sae.dictionary import Dictionary
from photo51.shipped import shipped_folder

log = logging.getLogger(__name__)
WINDOW, WINDOWS, EACH = 512, 3, 2
SPAN, TAUGHT = WINDOW * WINDOWS, 384
UNREAD = 400  # records of the reference for 6-mers alone
PER_CLADE, DRAWS = 10, 10
CLADES = {"tb": "resources/tb_amr/H37Rv_loci.fa.gz", "mt": "resources/human_mt/NC_012920.1.fa"}
KINDS = ("adapter", "clade", "duplicate", "payload", "simple")


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """Debug corpora with one contaminant each, and predict one fine-tuning."""
    n = 100 if quick else 300
    rng = np.random.default_rng(51)
    windows = ecoli_windows(n + 120 + UNREAD, rng, SPAN)
    clean, reference = windows[:n], _records(windows[n:], "r")
    world = contaminants_world(clean, _foreign(EACH, rng), EACH, rng)
    kinds = world.truth.drop_duplicates(["record", "kind"]).set_index("record")["kind"].to_dict()
    params = DebugDataParams(window=WINDOW, windows=WINDOWS, own=0, references=120)
    model = load_model("sh2:nano")
    dictionary = dictionary_for("sh2:nano", model, None, reference, params)
    # every record is read once: contaminated ones behind the clean ones
    spoilt = sorted(kinds)
    clades = {name: _loci(path, rng) for name, path in CLADES.items()}
    records = _records(clean, "clean") + _records(world.records[spoilt], "spoilt")
    for name, loci in clades.items():
        records += _records(loci, f"spoilt_{name}")
    read = read_corpus(model, dictionary, records, reference, params)
    ordinary = repeated_words(list(read_fasta(shipped_folder() / GENOME)), params.word)
    out: dict[str, float | int | None] = {}
    naive, exact = [], []
    for kind in KINDS:
        chosen = [i for i in range(n) if kinds.get(i) != kind] + [
            n + j for j, r in enumerate(spoilt) if kinds[r] == kind
        ]
        table = _part(read, records, chosen, params, ordinary).records
        top = round(len(chosen) / 100)
        out[f"recall_{kind}"] = _recall(table, "score", top)
        naive.append(max(_recall(table, column, top) for column in ("d_bits", "d_words")))
        exact.append(_recall(table, "d_shared", top))
        log.info("%s: baseline %.2f, exact %.2f\n%s", kind, naive[-1], exact[-1], table.head(top).to_string())
    recalls = {name: _clade_recall(read, records, name, params, ordinary) for name in CLADES}
    out |= {"recall_clade": recalls["tb"]["score"], "recall_clade_mt": recalls["mt"]["score"]}
    out |= {"recall_clade_features": recalls["tb"]["tail"], "recall_clade_words": recalls["tb"]["d_words"]}
    own = float(np.mean([out[f"recall_{kind}"] for kind in KINDS]))
    out["gain_over_naive"] = own - float(np.mean(naive))
    out["recall_exact"] = float(np.mean(exact))
    decoys = [n + j for j, r in enumerate(spoilt) if kinds[r] == "gc"]
    table = _part(read, records, [*range(n), *decoys], params, ordinary).records
    out["decoy_named"] = int(table[table["record"].str.startswith("spoilt")]["cause"].isin(["foreign", "vector"]).sum())
    zero = _part(read, records, list(range(n)), params, ordinary)
    out["clean_discoveries"] = int((zero.disparity["q"] <= 0.05).sum())
    out["clean_records_named"] = int((zero.records["cause"] != "none").sum())
    return out | _predicted(model, dictionary, quick=quick)


def _records(windows: np.ndarray, name: str) -> list[Record]:
    return [record(f"{name}_{i}", decode(row)) for i, row in enumerate(windows)]


def _recall(table, column: str, top: int) -> float:
    order = table[table[column] > 0].sort_values(column, ascending=False, kind="stable").head(top)
    return float(order["record"].str.startswith("spoilt").sum() / EACH)


def _foreign(n: int, rng: np.random.Generator) -> np.ndarray:
    """Windows of another clade: loci of an actinobacterium."""
    path = shipped_folder() / "resources" / "tb_amr" / "H37Rv_loci.fa.gz"
    long = [r.ids for r in read_fasta(path) if len(r.ids) >= SPAN]
    return np.stack([long[i][:SPAN] for i in rng.choice(len(long), n, replace=False)])


def _loci(path: str, rng: np.random.Generator) -> np.ndarray:
    """Up to ten records of another clade."""
    long = [r.ids[a : a + SPAN] for r in read_fasta(shipped_folder() / path) for a in range(0, len(r.ids) - SPAN, SPAN)]
    clean = [ids for ids in long if not is_ambiguous(ids).any()]
    return np.stack([clean[i] for i in rng.permutation(len(clean))[:PER_CLADE]])


def _clade_recall(
    read: CorpusReading, records: list[Record], clade: str, params: DebugDataParams, ordinary: np.ndarray
) -> dict[str, float]:
    """Recall in the top 1 % by each ranking, mean over draws of two records of a clade among the clean ones."""
    rng = np.random.default_rng(52)
    clean = [i for i, r in enumerate(records) if r.name.startswith("clean_")]
    foreign = [i for i, r in enumerate(records) if r.name.startswith(f"spoilt_{clade}_")]
    recalls = []
    for _ in range(DRAWS):
        drawn = [int(i) for i in rng.choice(foreign, EACH, replace=False)]
        table = _part(read, records, clean[:-EACH] + drawn, params, ordinary).records
        table["tail"] = table[["d_features", "d_residual"]].max(axis=1)
        top = round(len(clean) / 100)
        recalls.append({column: _recall(table, column, top) for column in ("score", "tail", "d_words")})
    return {column: float(np.mean([r[column] for r in recalls])) for column in recalls[0]}


def _part(
    read: CorpusReading, records: list[Record], chosen: list[int], params: DebugDataParams, ordinary: np.ndarray
) -> Debugged:
    """The same reading for some of the records."""
    rows = np.concatenate([np.arange(read.n_reference), read.n_reference + np.array(chosen)])
    seen = type(read.seen)(*(x[rows] for x in read.seen))
    part = CorpusReading(np.arange(len(chosen)), seen, read.composition[rows], read.words[rows], None, read.n_reference)
    return debug_data(part, [records[i] for i in chosen], params, ordinary=ordinary)


def _predicted(model: DnaModel, dictionary: Dictionary, *, quick: bool) -> dict[str, float | int | None]:
    """Disparity of the corpus from the model's own writing against the change of what the trained model writes."""
    rng = np.random.default_rng(51)
    windows = ecoli_windows(8 * STEPS + 64, rng)
    planted = [(f"canary_{n}_{i}", random_word(LENGTH, rng), n) for i, n in enumerate(COPIES)]
    corpus = copies_world(windows[: 8 * STEPS], planted, rng).records
    after = fine_tune("sh2:nano", corpus, steps=10 if quick else STEPS, seed=1)
    params = DebugDataParams(window=TAUGHT, prompt=64)
    n = 48 if quick else 160
    taught = corpus[:n, :TAUGHT]
    prompts = windows[8 * STEPS :][:, :TAUGHT]
    prompts = np.concatenate([prompts, windows[8 * STEPS :][:, TAUGHT : 2 * TAUGHT]])[:n]
    z = {
        "taught": see(model, dictionary, taught, 32).z,
        "own": see(model, dictionary, own_writing(model.model, taught, params), 32).z,
        "before": see(model, dictionary, own_writing(model.model, prompts, params), 32).z,
        "after": see(model, dictionary, own_writing(after, prompts, params), 32).z,
    }
    whole = np.concatenate(list(z.values()))
    clusters = feature_clusters(whole, params.clusters)
    scale = whole.std(axis=0) + 1e-9
    values = {name: cluster_values(x, clusters, scale) for name, x in z.items()}
    sd = values["before"].std(axis=0) + 1e-12
    predicted = (values["taught"].mean(axis=0) - values["own"].mean(axis=0)) / sd
    realised = (values["after"].mean(axis=0) - values["before"].mean(axis=0)) / sd
    log.info("predicted %s\nrealised %s", np.round(predicted, 2), np.round(realised, 2))
    strong = np.abs(predicted) >= 0.5
    shuffled = [np.corrcoef(rng.permutation(predicted), realised)[0, 1] ** 2 for _ in range(200)]
    return {
        "predicted_r2": float(np.corrcoef(predicted, realised)[0, 1] ** 2),
        "predicted_r2_shuffled": float(np.mean(shuffled)),
        "sign_agreement": float(np.mean(np.sign(predicted[strong]) == np.sign(realised[strong])))
        if strong.any()
        else None,
        "sign_agreement_n": int(strong.sum()),
    }
