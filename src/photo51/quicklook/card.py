"""The card of a shipped dictionary: what it is, what it was trained on, how far its features and names hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from photo51.config.sae import SaeParams

_SHOWN = 40
OWN = "config.yaml"  # a configuration that does not come with photo51


def card(about: dict[str, Any], names: pd.DataFrame, features: pd.DataFrame) -> str:
    """Markdown of a dictionary's card.

    Parameters
    ----------
    about
        What `about.json` holds.
    names
        Contract `NAMES`.
    features
        Contract `SEED_MATCH`.
    """
    return (
        "\n\n".join(
            [
                _head(about),
                "## How good",
                _quality(about),
                "## Do other seeds find the same features?",
                _seeds(about, features),
                "## Names",
                _names(about, names, features),
                "## Trained on",
                _data(about),
                "## Files",
                _FILES,
                "## How to make it again",
                _recipe(about),
            ]
        )
        + "\n"
    )


_FILES = """| file | content |
|---|---|
| `sae.safetensors`, `sae.json` | weights in half precision (thresholds in single), origin and parameters; \
`photo51.load_sae(folder)` opens it |
| `features.parquet` | each feature: share of other seeds that find it, cosine, correlation, partners, density, \
largest activation, median and 99th percentile where active |
| `names.parquet` | every annotation that some evidence gives a feature, by the one naming rule of `photo51 names` |
| `replication.parquet` | replication checks of the names: either strand, every genome, every split, another seed |
| `typical.parquet` | windows of the genomes it was trained on, with bits a base and variance explained; \
`photo51 read` compares with them |
| `about.json` | the figures on this page |"""


def _head(about: dict[str, Any]) -> str:
    sae, origin = about["sae"], about["origin"]
    ours = (
        " `photo51 read` uses it. Licence: as photo51's. The sequences are those of GenBank and RefSeq, in the public"
        " domain; `resources/README.md` says where each file is from."
    )
    return (
        f"# A dictionary of {about['model']}, {origin['site']}\n\n{about['n_features']:,} features of the activations"
        f" ({origin['d_model']} numbers a base) at site `{origin['site']}` of model `{about['model']}` (hash"
        f" `{origin['model']}`); rule {sae['variant']}, {sae['k']} active features a base,"
        f" {SaeParams(**sae).tokens_read:,} bases read in training, both strands."
        # sequences of a configuration that does not come with photo51 are their owner's
        f"{ours if about['run']['config'] != OWN else ' `photo51 read --dictionary` uses it.'}"
    )


def _quality(about: dict[str, Any]) -> str:
    q = about["quality"]
    return (
        f"On the {q['rows']:,} held-out bases (blocks of split {q['split']}, both strands): variance explained"
        f" {q['variance_explained']:.4f}, {q['l0']:.1f} active features a base; rounding the weights to half precision"
        f" changes reconstructions by {q['rounding']:.5f} of the activations' standard deviation; {q['dead']:.3f} of"
        " the features are active nowhere in the run."
    )


def _seeds(about: dict[str, Any], features: pd.DataFrame) -> str:
    m = about["seed_match"]
    spread = features.loc[features["live"], "match"].round(3).value_counts().sort_index(ascending=False)
    lines = ["| share of other seeds that find it | live features |", "|---|---|"]
    lines += [f"| {share:.2f} | {n:,} |" for share, n in spread.items()]
    named = (
        "none is named"
        if m["seed_match_named"] is None
        else f"{m['seed_match_named']:.3f} of its named ones ({m['n_named']:,})"
    )
    return (
        f"A feature is found again by another seed where the nearest direction has a cosine of {m['same']} or more and"
        f" its activations on {m['rows']:,} held-out bases correlate by {m['same']} or more. Against {len(m['seeds'])}"
        f" of other seeds, trained by the same recipe, on average {m['seed_match_live']:.3f} of the {m['n_live']:,}"
        f" live features are found, and {named}; {m['found_by_any']:.3f} of the live ones by at least one."
        f"{shared_beginning(about['sae'])}\n\n" + "\n".join(lines)
    )


def shared_beginning(sae: Mapping[str, Any]) -> str:
    """What to bear in mind where all seeds of a dictionary begin at the same directions, a sentence after a blank; or
    nothing.
    """
    if sae.get("beginning") != "centroids" and sae.get("decoder") != "archetypal":
        return ""
    return (
        " All seeds begin at the same centroids of the activations and differ in the order of the bases alone: that a"
        " feature is found again says that this order does not decide it, not that another beginning would lead to it."
    )


def _names(about: dict[str, Any], names: pd.DataFrame, features: pd.DataFrame) -> str:
    n = about["names"]
    checks = "; ".join(f"{c} {v['held']} of {v['made']}" for c, v in n["checks"].items()) or "none could be made"
    rows = (
        names[names["named"]]
        .merge(features[["feature", "match"]], on="feature")
        .sort_values(["annotation", "f1_domain"], ascending=[True, False])
    )
    lines = [
        "| feature | name | reading | grade | F1 | MCC | checks that held | match |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| f{r['feature']} | {r['annotation']} | {r['strand']} | {r['grade']} | {r['f1_domain']:.2f} | {r['mcc']:.2f}"
        f" | {r['n_survived']} of {r['n_checks']} | {r['match']:.2f} |"
        for r in rows.head(_SHOWN).to_dict("records")
    ]
    more = f"\n\nand {len(rows) - _SHOWN} more in `names.parquet`." if len(rows) > _SHOWN else ""
    return (
        f"{n['named']} features carry a name of {n['annotations']} annotation classes, {n['strong']} with every"
        f" replication check held. Checks of all names that held: {checks}.\n\n" + "\n".join(lines) + more
    )


def _data(about: dict[str, Any]) -> str:
    lines = [
        "| genome | contig | scored bases, each strand | of these for training | sequence (SHA-256) |",
        "|---|---|---|---|---|",
    ]
    more = about.get("trained_with", [])
    lines += [
        f"| {r['genome']} | {r['contig']} | {r['scored']:,} | {r['train']:,} | `{r['sha256'][:16]}…` |"
        for r in [*about["trained_on"], *more]
    ]
    if more:
        rows = "The last row is of another run" if len(more) == 1 else f"The last {len(more)} rows are of other runs"
        lines += [
            "",
            f"{rows}, read for training alone (at most 60 % of what was read); names, checks and figures are of the"
            " rows above.",
        ]
    return "\n".join(lines)


def _recipe(about: dict[str, Any]) -> str:
    lines = "\n".join(f"  {k}: {v}" for k, v in about["sae"].items() if not isinstance(v, list | dict))
    run, seeds = about["run"], len(about["seed_match"]["seeds"])
    folder = f"results/{run['name']}"
    more = seeds - ("seed1" in about["seed_match"]["seeds"])
    before = "".join(f"photo51 run {path} -- read_model\n" for path in run.get("before", []))
    return (
        f"By the configuration of run `{run['name']}` (`{run['config']}`):\n\n```\n{before}photo51 run {run['config']} --"
        f" {folder}/config.yaml {folder}/names.parquet\nphoto51 ship-dictionary {folder}"
        f" resources/dictionaries/{about['model'].removeprefix('sh2:')} --seeds {more}\n```\n\nThe same machine gives"
        f" the same bytes. Parameters of the dictionary (photo51 {about['photo51']}):\n\n```yaml\nsae:\n{lines}\n```"
    )
