"""The card of a trained model: what it is, what it learnt from, and how well it predicts species it has never seen."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from matplotlib.axes import Axes

from photo51 import theme
from photo51.config.model import ModelCardParams
from photo51.config.pretrain import PretrainParams
from photo51.io import atomic, write_json
from photo51.model.families.adapters import DnaModel
from photo51.model.families.selftest import CARD, read_card
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.tokenizer import is_base
from photo51.pretraining.corpus import Corpus
from photo51.pretraining.heldout import MODEL, Heldout, best_markov, compare_heldout, model_log_probs
from photo51.pretraining.pictures import write_svg
from photo51.pretraining.recipe import read_recipe
from photo51.pretraining.start import FIELDS, field_of
from photo51.shipped import shipped_folder
from photo51.types import InputError

LICENCE = "Apache-2.0"
RECIPE = "resources/pretraining/recipe.tsv.gz"
_KNOWN = 512
_BELOW: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": 2}


def read_pretraining_log(run: Path) -> pd.DataFrame:
    """Log of a pretraining run, one row a step: `step`, `loss_bits`, and `heldout_<group>` where it was evaluated.

    Steps that were done twice, because the run was stopped and went on from an earlier checkpoint, count as they were
    last done.

    Raises
    ------
    InputError
        Where there is no log, or a line of it is no JSON.
    """
    path = run / "log.jsonl"
    if not path.is_file():
        raise InputError(f"{run}: need the folder of a pretraining run with log.jsonl, got none there")
    steps: dict[int, dict[str, float]] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            row = json.loads(line)
            row_of_step = steps.setdefault(int(row["step"]), {})
        except (ValueError, KeyError, TypeError) as e:
            raise InputError(f"{path}:{number}: need a JSON object with a step, got {line[:60]!r}") from e
        row_of_step |= {"loss_bits": row["loss_bits"]} if "loss_bits" in row else {}
        row_of_step |= {f"heldout_{group}": bits for group, bits in row.get("heldout_bits", {}).items()}
    table = pd.DataFrame.from_dict(steps, orient="index").rename_axis("step")
    return table.sort_index().reset_index()


def read_run(run: Path) -> PretrainParams:
    """Parameters of a pretraining run.

    Raises
    ------
    InputError
        Where the folder holds none.
    """
    from photo51.config import parse

    return parse(PretrainParams, str(run / "params.json"), str(run))


def write_card(model: DnaModel, corpus: Corpus, run: Path, folder: Path, params: ModelCardParams) -> dict[str, Any]:
    """Measure a model and write `README.md`, `loss.svg` and `card.json` into its folder.

    What a file `notes.md` in that folder says becomes a part of the page.

    Parameters
    ----------
    model
        The model in `folder`, opened in float32.
    corpus
        What it learnt from.
    run
        Folder of its pretraining run: `log.jsonl`, `params.json`.
    folder
        Folder of the model.
    params
        What is compared.

    Returns
    -------
    The content of `card.json`.

    Raises
    ------
    InputError
        For a folder without a run, and a run of another architecture.
    """
    trained, log = read_run(run), read_pretraining_log(run)
    stated = StripedHyenaConfig(**trained.architecture)
    for name in FIELDS:
        if (got := field_of(model.model.config, name)) != (value := field_of(stated, name)):
            raise InputError(f"{run}: need the run of {folder} ({name} {got}), got one with {name} {value}")
    # windows of the first run's seed, so that the cards of all that came from it compare
    before = runs_before(trained)
    seed = (before or [{}])[0].get("parameters", {}).get("seed", trained.seed)
    heldout = compare_heldout(model, corpus, trained.length, seed, params)
    card = _summary(model, log, trained, heldout, before)
    write_svg(
        folder / "loss.svg",
        (theme.WIDTH_2, 3.4),
        lambda ax: loss_curve(ax, log),
        lambda ax: bars(ax, heldout.bits),
    )
    write_json(card, folder / CARD)
    notes = folder / "notes.md"
    with atomic(folder / "README.md") as partial:
        # by its place, not its name: another's model may be called base too
        ships = folder.resolve().parent == (shipped_folder() / "resources" / "models").resolve()
        page = as_markdown(folder.name, card | {"ships": ships}, heldout, corpus, trained)
        partial.write_text(f"{page}\n{notes.read_text()}" if notes.is_file() else page)
    return card


def runs_before(trained: PretrainParams) -> list[dict[str, Any]] | None:
    """Runs that made the model a run began with, oldest first; None where no card of that very model lists them.

    Each: `model` (hash of the weights it gave), `steps`, `bases_read`, and `parameters` where they are known.
    """
    if trained.start is None:
        return []
    try:
        card = read_card(trained.start)
    except InputError:  # the model was moved since
        card = None
    if card is None or card["model"] != trained.start_digest or card.get("bases_trained", 0) is None:
        return None  # also where the runs it lists began with a model of which nothing is known
    one = {key: card[key] for key in ("model", "steps", "bases_read")}
    return list(card.get("runs", [one]))


def _summary(
    model: DnaModel,
    log: pd.DataFrame,
    trained: PretrainParams,
    heldout: Heldout,
    before: list[dict[str, Any]] | None,
) -> dict[str, Any]:
    steps = int(log["step"].max())
    bases = steps * trained.batch * trained.length
    own = {"model": model.spec.hash, "steps": steps, "bases_read": bases, "parameters": trained.model_dump(mode="json")}
    known = (w[:_KNOWN] for windows in heldout.windows.values() for w in windows if is_base(w[:_KNOWN]).all())
    if (first := next(known, None)) is None:
        raise InputError(f"corpus: need a held-out window that begins with {_KNOWN} known bases, got none")
    sequence = first.tobytes().decode("ascii")
    bits = -float(np.nanmean(model_log_probs(model, first[None]).astype(np.float64))) / math.log(2)
    return {
        "model": model.spec.hash,
        "digest": model.spec.digest,
        "parameters": sum(p.numel() for p in model.model.parameters()),
        "steps": steps,
        "bases_read": bases,
        # of every run that led here; unknown where the model it began with has no card
        "bases_trained": None if before is None else bases + sum(run["bases_read"] for run in before),
        "runs": [own] if before is None else [*before, own],
        "window": trained.length,
        "seed": trained.seed,
        "start": trained.start,
        "start_digest": trained.start_digest,
        "licence": LICENCE,
        "known_loss": {"sequence": sequence, "bits": bits},
        "heldout": heldout.bits.to_dict("records"),
        "best_markov": {group: best_markov(heldout.bits, group) for group in heldout.windows},
        "frames": heldout.frames.to_dict("records"),
        "rna": heldout.rna.to_dict("records"),
        "sources": heldout.sources.to_dict("records"),
    }


def loss_curve(ax: Axes, log: pd.DataFrame) -> Axes:
    """Bits per base against steps: training batches (grey, and their running mean) and held-out species by group."""
    train = log.dropna(subset=["loss_bits"])
    ax.plot(train["step"], train["loss_bits"], color=theme.FAINT, lw=0.6)
    ax.plot(
        train["step"],
        train["loss_bits"].rolling(15, min_periods=1, center=True).mean(),
        color=theme.MUTED,
        label="training",
    )
    groups = [c for c in log.columns if c.startswith("heldout_")]
    for tone, column in zip((theme.BLUE, theme.ORANGE, theme.GREEN, theme.PURPLE, theme.SKY), groups, strict=False):
        evaluated = log.dropna(subset=[column])
        name = column.removeprefix("heldout_")
        ax.plot(evaluated["step"], evaluated[column], color=tone, marker="o", ms=2, label=f"held-out {name}")
    settled = train.loc[train["step"] > train["step"].max() / 20, "loss_bits"]
    ax.set_ylim(min(settled.min(), 1.6) - 0.02 if len(settled) else None, 2.05)
    ax.axhline(2, color=theme.FAINT, lw=0.8, ls=":")
    ax.set(xlabel="step", ylabel="bits per base", title="Learning")
    ax.legend(**_BELOW)
    return ax


def bars(ax: Axes, table: pd.DataFrame) -> Axes:
    """Bits per base against the order of the Markov chain, a colour a group; the model as a line across."""
    groups = list(dict.fromkeys(table["group"]))
    for tone, group in zip((theme.BLUE, theme.ORANGE, theme.GREEN, theme.PURPLE, theme.SKY), groups, strict=False):
        part = table[table["group"] == group].set_index("predictor")["bits"]
        orders = sorted(
            int(name.split("_")[1]) for name in part.index if name.startswith("markov_") and "own" not in name
        )
        ax.plot(orders, [part[f"markov_{k}"] for k in orders], color=tone, lw=0.8)
        ax.plot(orders, [part[f"markov_own_{k}"] for k in orders], color=tone, lw=0.8, ls="--")
        ax.axhline(part[MODEL], color=tone, label=f"{group}, model")
    ax.set(xlabel="order of the Markov chain (bases)", ylabel="bits per base", title="Held-out species")
    ax.legend(title="thin: chains of all sequence; dashed: of the group's own", title_fontsize=7, **_BELOW)
    return ax


def as_markdown(name: str, card: Mapping[str, Any], heldout: Heldout, corpus: Corpus, trained: PretrainParams) -> str:
    """The card as a Markdown page."""
    order = max(int(p.rsplit("_", 1)[1]) for p in heldout.bits["predictor"] if p != MODEL)
    return "\n".join(
        [
            *_head(name, card, trained),
            *_heldout(heldout, card, order, corpus),
            *_coding(heldout.frames),
            *_structured(heldout.rna),
            *_data(corpus, trained),
            *_again(name, card, trained),
        ]
    )


def _head(name: str, card: Mapping[str, Any], trained: PretrainParams) -> list[str]:
    a = trained.architecture
    return [
        f"# {name}: a small StripedHyena 2 that knows genomes",
        "",
        (
            f"A causal model of DNA, one base a token (the byte vocabulary of Evo 2): {card['parameters']:,}"
            f" parameters, width {a.get('hidden_size', 256)}, blocks `{a.get('block_kinds', 'smlas')}` (short, medium"
            f" and long convolution, attention over {a.get('attention_window', 'all')} bases, short convolution)."
            f" Weights in float16, timescales of the long filters in float32.{_licence(card)}"
        ),
        "",
        f"It was trained for {card['steps']:,} steps on {card['bases_read'] / 1e6:.1f} million bases, windows of"
        f" {card['window']:,} bases on either strand.{_beginning(card, trained)} It is meant for trying methods"
        " on a laptop, not for claims about biology that a larger model would be asked for. Open it with"
        f" {_opening(name, card)}; `photo51 selftest` compares it with what is written here.",
        "",
        "![loss against steps, and bits per base of model and Markov chains](loss.svg)",
        "",
    ]


def _opening(name: str, card: Mapping[str, Any]) -> str:
    """How it is opened: models that come with photo51 by their name."""
    return f'`load_model("sh2:{name}")`' if _ships(card) else "`load_model` and the path of this folder"


def _licence(card: Mapping[str, Any]) -> str:
    return f" Licence {card['licence']}." if _ships(card) else ""


def _ships(card: Mapping[str, Any]) -> bool:
    """Whether the card is of a model in the folder of those that come with photo51."""
    return bool(card.get("ships", False))


def _beginning(card: Mapping[str, Any], trained: PretrainParams) -> str:
    """What it began with, where that is another model."""
    if trained.start is None:
        return ""
    begun = f" It began with the weights of `{trained.start}` as it was then (digest `{trained.start_digest}`)"
    if card["bases_trained"] is None:
        return f"{begun}; what these were trained on before is not counted in these figures."
    earlier = [f"{run['steps']:,} steps on {run['bases_read'] / 1e6:.1f} million bases" for run in card["runs"][:-1]]
    total = card["bases_trained"] / 1e6
    return f"{begun}, which had been trained for {', then '.join(earlier)}: {total:.1f} million bases in all."


def _heldout(heldout: Heldout, card: Mapping[str, Any], order: int, corpus: Corpus) -> list[str]:
    never = (
        "species held out of this run (what the starting weights had read before is not known)"
        if card["bases_trained"] is None
        else "species that were never trained on"
    )
    lines = [
        "## Held-out species",
        "",
        (
            f"Bits per base (2 is chance) on windows of {never}, species in turn in random order, strands in turn,"
            f" compared with the best of the Markov chains of orders 1 to {order}. Chains counted"
            f" {_counted(card, corpus)} on both strands,"
            " all of it (`markov_K`) or the group's alone (`markov_own_K`); counts of an order are joined with the"
            " order below by strengths fitted on training species kept back (MacKay and Peto 1995,"
            " doi:10.1017/S1351324900000218). The best chain is chosen on the held-out windows, in its favour."
        ),
        "",
        "| group | windows | model | best chain | its bits | model needs less by (± s.e.) |",
        "|---|---|---|---|---|---|",
    ]
    for group in heldout.windows:
        table = heldout.bits[heldout.bits["group"] == group].set_index("predictor")
        best = card["best_markov"][group]
        row = table.loc[best]
        lines.append(
            f"| {group} | {int(row['windows'])} | {table.loc[MODEL, 'bits']:.4f} ± {table.loc[MODEL, 'bits_se']:.4f} |"
            f" {best} | {row['bits']:.4f} | {row['model_gains']:+.4f} ± {row['model_gains_se']:.4f} |"
        )
    lines += ["", "| order | " + " | ".join(f"{g}, all | {g}, own" for g in heldout.windows) + " |"]
    lines.append("|---|" + "---|---|" * len(heldout.windows))
    wide = heldout.bits.pivot_table(index="group", columns="predictor", values="bits")
    for k in range(1, order + 1):
        cells = [f"{wide.loc[g, f'markov_{k}']:.4f} | {wide.loc[g, f'markov_own_{k}']:.4f}" for g in heldout.windows]
        lines.append(f"| {k} | " + " | ".join(cells) + " |")
    return [*lines, "", *_by_source(heldout.sources)]


def _counted(card: Mapping[str, Any], corpus: Corpus) -> str:
    """What the chains counted: all training sequence, be it that no run of the model drew from a source of it."""
    known = card["bases_trained"] is not None and all(run.get("parameters", {}).get("mixture") for run in card["runs"])
    if not known:
        return "the corpus's training sequence"
    drawn = {s for run in card["runs"] for s, share in run.get("parameters", {}).get("mixture", {}).items() if share}
    unread = sorted(set(corpus.records.loc[corpus.records["split"] == "train", "source"]) - drawn)
    if not unread:
        return "the same training sequence"
    return f"the corpus's training sequence (that of {', '.join(unread)} too, which the model did not read)"


def _by_source(table: pd.DataFrame) -> list[str]:
    if not len(table):
        return []
    groups = " and ".join(dict.fromkeys(table["group"]))
    lines = [
        f"Windows of {groups} come from several sources; single genes are not genomes. By source:",
        "",
        "| source | species | windows | model | best chain of the group | its bits | model needs less by (± s.e.) |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['source']} | {r['species']} | {r['windows']} | {r['bits']:.4f} ± {r['bits_se']:.4f} | {r['chain']} |"
        f" {r['chain_bits']:.4f} | {r['model_gains']:+.4f} ± {r['model_gains_se']:.4f} |"
        for r in table.to_dict("records")
    ]
    return [*lines, ""]


def _coding(frames: pd.DataFrame) -> list[str]:
    lines = ["## Coding sequence", ""]
    if not len(frames):
        return [*lines, "The corpus has no held-out genome to look for genes in.", ""]
    lines += [
        (
            f"{int(frames['genes'].iloc[0])} long open reading frames of held-out bacteria and phages, each read alone,"
            " against copies: with a base put in and taken out in turn every 20 codons, so that every other segment is"
            " out of frame; and with its codons in another order. AUROC: a gene is likelier a base than a copy of any"
            " gene. Paired: than its own copy. The chain is the best one of each gene's own group."
        ),
        "",
        "| predictor | copy | AUROC | paired | bits, in frame | bits, copy |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['predictor']} | {r['copy'].replace('_', ' ')} | {r['auroc']:.3f} | {r['paired']:.3f} |"
        f" {r['bits_real']:.4f} | {r['bits_copy']:.4f} |"
        for r in frames.to_dict("records")
    ]
    return [*lines, ""]


def _structured(rna: pd.DataFrame) -> list[str]:
    if not len(rna):
        return []
    numbers = ", ".join(f"{r.genes} of {r.kind}" for r in rna.drop_duplicates("kind").itertuples())
    lines = [
        "## Genes of structured RNA",
        "",
        (
            "Places of held-out bacteria that resemble a tRNA or rRNA gene of *E. coli* in three quarters of their"
            f" bases or more, without a gap ({numbers}; rRNA in pieces of"
            " 200 bases, 5S rRNA whole), each read after what stands before it, against copies in the same place with"
            " their bases in another order and each dinucleotide as often (Altschul and Erickson 1985,"
            " doi:10.1093/oxfordjournals.molbev.a040370). These genes hardly change: that a species was held out does"
            " not mean that none like them was read."
        ),
        "",
        "| predictor | gene | AUROC | paired | bits, gene | bits, copy |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['predictor']} | {r['kind']} | {r['auroc']:.3f} | {r['paired']:.3f} |"
        f" {r['bits_real']:.4f} | {r['bits_copy']:.4f} |"
        for r in rna.to_dict("records")
    ]
    wide = rna.assign(chain=rna["predictor"] != MODEL).pivot_table(index="kind", columns="chain", values="auroc")
    behind = list(wide.index[wide[True] > wide[False]])
    if behind:
        lines += ["", f"The chain tells genes of {' and '.join(behind)} apart better than the model: take it for that."]
    return [*lines, ""]


def _data(corpus: Corpus, trained: PretrainParams) -> list[str]:
    r = corpus.records
    lines = [
        "## Training data",
        "",
        "| source | share of windows | sequences | species | bases | held out: species | bases |",
        "|---|---|---|---|---|---|---|",
    ]
    total = sum(trained.mixture.values())
    for source, share in trained.mixture.items():
        part, out = (r[(r["source"] == source) & (r["split"] == split)] for split in ("train", "heldout"))
        lines.append(
            f"| {source} | {share / total:.2f} | {len(part):,} | {part['species'].nunique():,} |"
            f" {part['length'].sum():,} | {out['species'].nunique():,} | {out['length'].sum():,} |"
        )
    lines += [
        "",
        f"Within a source, species are drawn by the square root of their bases. {_listed(r)}",
        "",
    ]
    return lines


def _listed(records: pd.DataFrame) -> str:
    """Where all sequences are listed; more is known of the recipe that comes with photo51."""
    recipe = read_recipe(shipped_folder() / RECIPE)
    columns = ["record", "source", "species", "split", "length"]
    if set(map(tuple, records[columns].to_numpy())) == set(map(tuple, recipe[columns].to_numpy())):
        return (
            "No virus of eukaryotes is among them. Accessions and hashes of all sequences:"
            " `resources/pretraining/recipe.tsv.gz`."
        )
    return "All sequences are listed in `records.parquet` of the corpus."


def _again(name: str, card: Mapping[str, Any], trained: PretrainParams) -> list[str]:
    runs = card["runs"]
    folders = [f"pretrained/{name}" if len(runs) == 1 else f"pretrained/{name}-{i + 1}" for i in range(len(runs))]
    # the first run began with fresh weights, unless it began with a model whose own runs are not known
    starts = [trained.start if card["bases_trained"] is None else None, *(f"{folder}/model" for folder in folders)]
    lines = [
        "## How to make it again",
        "",
        "With the corpus packed as `resources/pretraining/README.md` says, and the parameters below as files:",
        "",
        "```",
    ]
    for i, folder in enumerate(folders):
        begun = f" --from {starts[i]}" if starts[i] else ""
        lines.append(f"photo51 pretrain corpus {folder}{begun} --params run_{i + 1}.yaml")
        # the card of each lists the runs before the next, and decides the held-out windows of all
        if i < len(folders) - 1:
            lines.append(f"photo51 model-card {folder}/model corpus --run {folder}")
    lines += [
        f"cp {folders[-1]}/model/* resources/models/{name}/",
        f"photo51 model-card resources/models/{name} corpus --run {folders[-1]}",
        "```",
        "",
    ]
    for i, run in enumerate(runs):
        stated = {k: v for k, v in run.get("parameters", {}).items() if not k.startswith("start")}
        text = yaml.safe_dump(stated, sort_keys=True).rstrip()
        block = ["```yaml", text, "```"] if stated else ["They are not on record."]
        lines += [f"Parameters of run {i + 1}, `run_{i + 1}.yaml`:", "", *block, ""]
    return lines
