"""From names and files to models that can be asked: prompts, steering, fresh weights."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photo51.config.interventions import UnitParams
from photo51.genome.formats.fasta import read_fasta
from photo51.interventions.edits.bundles import parse_bundle
from photo51.interventions.edits.site_edits import Order, SiteEdit
from photo51.interventions.opening import check_no_path, open_instrument
from photo51.interventions.writing.generate import Stream, open_stream, read_prompt, uniforms
from photo51.learnt.words.patterns import Event
from photo51.learnt.words.rates import Opener
from photo51.model.families.adapters import DnaModel
from photo51.model.sites import Edit
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.tokenizer import BASE_IDS, tokens_text
from photo51.sae.dictionary import Dictionary
from photo51.types import InputError

log = logging.getLogger(__name__)
CONTEXT = 512


def network(model: DnaModel) -> StripedHyena:
    """The StripedHyena inside a model.

    Raises
    ------
    InputError
        For a model of another family, whose next base cannot be asked for from a cache.
    """
    if not isinstance(model.model, StripedHyena):
        raise InputError(f"model {model.spec.name}: need a StripedHyena, got {model.spec.family}")
    return model.model.eval().requires_grad_(requires_grad=False)


def check_widths(events: Sequence[Event], model: StripedHyena) -> None:
    """Refuse words that a model's context cannot hold.

    Raises
    ------
    InputError
        For a word as long as the context, or longer.
    """
    context = int(model.config.max_position_embeddings)
    if (longest := max(e.width for e in events)) >= context:
        raise InputError(
            f"words: need words shorter than the model's context of {context:,} bases, got one of {longest:,}"
        )


def number_types(text: str | None) -> tuple[str | None, str | None]:
    """Number types of two models, commas between; None for what the machine uses.

    Raises
    ------
    InputError
        For another number of them than two.
    """
    if text is None:
        return None, None
    kinds = text.split(",")
    if len(kinds) != 2:
        raise InputError(f"--dtypes: need those of A and B, such as float32,float16, got {text!r}")
    return kinds[0], kinds[1]


def read_prompts(source: str | None, seed: int, rollouts: int) -> NDArray[np.uint8]:
    """Prompts (prompts, length): of a FASTA file, from bases, or single bases drawn evenly where none are given.

    Records are cut to their last 512 bases, and to the length of the shortest, so that all share one length.

    Raises
    ------
    InputError
        For a file without records, an empty record, or letters that are no bases.
    """
    if source is None:
        u = uniforms(seed, np.arange(rollouts) + 1_000_003, 1)[:, 0].numpy()
        return BASE_IDS[np.minimum((4 * u).astype(int), 3)][:, None]
    path = Path(source)
    if path.is_file():
        rows = [read_prompt(tokens_text(r.ids), f"{path}, {r.name}") for r in read_fasta(path)]
    else:
        check_no_path(source, "--prompts")
        rows = [read_prompt(source)]
    if not rows:
        raise InputError(f"{path}: need at least one prompt, got none")
    length = min(CONTEXT, *(len(row) for row in rows), CONTEXT)
    if longer := sum(len(row) > length for row in rows):
        log.warning(
            "%s: %d of %d prompts are cut to their last %d bases, so that all share one length",
            source if path.is_file() else "prompt",
            longer,
            len(rows),
            length,
        )
    if len(rows) > rollouts:
        log.warning(
            "%s: the first %d of %d prompts are gone on from; raise `rollouts` for more", path, rollouts, len(rows)
        )
    return np.stack([row[-length:] for row in rows])


def opener(model: StripedHyena, prompts: NDArray[np.uint8], edits: Mapping[str, Edit] | None = None) -> Opener:
    """Streams at prompts, which numbers take in turn."""

    def opened(numbers: NDArray[np.integer]) -> Stream:
        return open_stream(model, prompts[numbers % len(prompts)], numbers, edits=edits)

    return opened


def steered(run: Path, model: DnaModel, text: str) -> Mapping[str, Edit]:
    """The edit of `TARGET@UNITS` with the dictionary of a run, such as `f12@1.5` or `stop_codon@2`.

    Raises
    ------
    InputError
        For another form, an unknown or silent feature, a run without a dictionary of the model.
    """
    target, _, units = text.rpartition("@")
    if not target or not re.fullmatch(r"[+-]?\d+(\.\d+)?", units):
        raise InputError(f"--steer: need TARGET@UNITS, such as f12@1.5, got {text!r}")
    folders = sorted(run.glob("sae/*/sae.json")) if run.is_dir() else []
    main = [f.parent for f in folders if f.parent.name == "main"] or [f.parent for f in folders]
    if not main or not (run / "features.h5ad").is_file():
        raise InputError(f"{run}: need a run with a dictionary and features.h5ad, got none")
    concepts = run / "names.parquet"
    origin = Dictionary.load(main[0]).origin
    origin.require(model.spec.origin(origin.site), f"{main[0]}: model")
    opened = open_instrument(
        model.spec.name,
        main[0],
        features=run / "features.h5ad",
        concepts=concepts if concepts.is_file() else None,
        units=UnitParams(),
    )
    name = f"f{target}" if target.isdigit() else target
    instrument = opened.instrument
    bundle = parse_bundle(name, opened.concepts, instrument.dictionary.n_features)
    edit = SiteEdit(instrument.dictionary, [Order("add", bundle, float(units))], instrument.units)
    return {instrument.site: edit}
