"""From names and files to what debugging a corpus needs: reference, dictionary, weights of an earlier manifest."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from photo51.config.debug_data import DebugDataParams
from photo51.genome.formats.fasta import Record
from photo51.genome.text import open_text
from photo51.learnt.data.record_reading import reference_records
from photo51.learnt.diff.rows import ActivationRows
from photo51.model.families.adapters import DnaModel
from photo51.model.sites import Sites
from photo51.sae.dictionary import Dictionary
from photo51.sae.quality.baselines import PCA
from photo51.shipped import shipped_folder
from photo51.types import InputError

log = logging.getLogger(__name__)
COMPONENTS = 64
GENOME = "resources/ecoli_k12/NC_000913.3.fa.gz"


def reference_of(model: str, stated: Path | None) -> Path:
    """The reference stated, else the genome that ships for models that ship.

    Raises
    ------
    InputError
        Where there is neither.
    """
    if stated is not None:
        return stated
    if not model.startswith("sh2:"):
        raise InputError(f"--reference: need a FASTA file of what {model} was trained on, got none")
    return shipped_folder() / GENOME


def manifest_weights(path: Path, names: Sequence[str]) -> dict[str, float]:
    """Weights by record of a table with the columns `record` and `weight`, tabs between.

    Raises
    ------
    InputError
        For an absent file or column, a line of another width, a record that the corpus lacks or that comes twice, a
        weight that is negative or no finite number, and for weights that leave nothing of the corpus.
    """
    if not path.is_file():
        raise InputError(f"{path}: need records.tsv of an earlier call, got no such file")
    records, weight_of = set(names), dict[str, float]()
    # names are text whatever they look like: a record may be called NA
    with open_text(path) as text:
        lines = csv.reader(text, delimiter="\t")
        header = next(lines, [])
        if missing := sorted({"record", "weight"} - set(header)):
            raise InputError(f"{path}: need columns record and weight, got none of {', '.join(missing)}")
        for row in lines:
            if not any(row):
                continue
            location = f"{path}, line {lines.line_num}"
            if len(row) != len(header):
                raise InputError(f"{location}: need {len(header)} columns as in the header, got {len(row)}")
            record, weight = row[header.index("record")], row[header.index("weight")]
            if record not in records:
                raise InputError(f"{location}: need a record of the corpus, got {record!r}")
            if record in weight_of:
                raise InputError(f"{location}: need each record once, got {record!r} again")
            weight_of[record] = _weight(weight, location)
    # a record that the manifest does not name keeps its full weight
    if not any(weight_of.get(name, 1.0) > 0 for name in names):
        raise InputError(f"{path}: need at least one record of the corpus with a weight above 0, got none")
    return weight_of


def _weight(text: str, location: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < np.inf:
        raise InputError(f"{location}: need a weight of 0 or more, got {text!r}")
    return weight


def dictionary_for(
    name: str, model: DnaModel, folder: Path | None, reference: Sequence[Record], params: DebugDataParams
) -> Dictionary:
    """The dictionary in a folder, the one that ships with the model, or principal components of the reference."""
    shipped = shipped_folder() / "resources" / "dictionaries" / name.removeprefix("sh2:")
    if folder is None and name.startswith("sh2:") and (shipped / "sae.json").is_file():
        folder = shipped
    if folder is not None:
        dictionary = Dictionary.load(folder)
        dictionary.origin.require(model.spec.origin(dictionary.origin.site), "debug-data: dictionary")
        return dictionary
    log.info("debug-data: no dictionary of %s; its principal components serve as features", model.spec.name)
    site = f"block.{model.spec.n_layers // 2}.out"
    windows = reference_records(reference, params)[0][:64]
    read = []
    for i in range(0, len(windows), params.batch):
        out = model.forward(windows[i : i + params.batch], Sites([site]), logits=False)
        read += [x.float().cpu().numpy() for x in out.sites[site]]
    source = ActivationRows(np.concatenate(read), model.spec.origin(site), params.seed)
    return PCA.fit(source, min(COMPONENTS, model.spec.d_model))
