"""A set of variants from file to table: read, checked, described, scored, gathered."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from photo51.config.biomarkers import VariantsParams
from photo51.effects.choose import chosen, numbers
from photo51.effects.describe import bare, check_variants, describe
from photo51.effects.scoring import AlleleScorer, PlainScorer
from photo51.effects.symbolic import spelled_out
from photo51.effects.variants import effects_path, gather_effects, one_origin, score_shard, shard_of
from photo51.effects.windows import places
from photo51.genome.axis.genomes import Genomes
from photo51.genome.variants.alleles import VariantSet
from photo51.genome.variants.files import read_variants
from photo51.io import Provenance, provenance, write_table
from photo51.io.contracts.genome import REFUSED_VARIANTS
from photo51.model.families.adapters import DnaModel
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.sae.dictionary import Dictionary
from photo51.types import InputError

log = logging.getLogger(__name__)


class VariantFile(NamedTuple):
    """Variants of one file on one genome.

    Attributes
    ----------
    genomes, genome
        Where they lie.
    described
        Those that can be scored (contract `VARIANT_EFFECTS` as far as no model is needed).
    refused
        Those that cannot, with the reason (contract `REFUSED_VARIANTS`).
    """

    genomes: Genomes
    genome: str
    described: pd.DataFrame
    refused: pd.DataFrame


def load_variants(
    folder: Path,
    files: Sequence[Path],
    params: VariantsParams,
    genome: str | None = None,
    name: str = "",
    *,
    annotated: bool = True,
) -> VariantFile:
    """Read variants, check them against the genome and describe them.

    Parameters
    ----------
    folder
        Prepared genomes.
    files
        VCF files or tables; a column `file` says which, where there are several.
    params
        Parameters.
    genome
        Which genome; may be left out where there is one.
    name
        Name of the set, for `select`.
    annotated
        Whether genes and consequences are asked for; scores need none, and annotations are not read then.

    Raises
    ------
    InputError
        For what the readers refuse, more reference mismatches than allowed, and files with no variant of use.
    """
    genomes = Genomes.open(folder)
    genome = _only(genomes) if genome is None else genome
    contigs = genomes.sequences[genomes.sequences["genome"] == genome]
    chroms = dict(zip(contigs["chrom"].astype(str).tolist(), contigs["length"].astype(int).tolist(), strict=True))
    if not chroms:
        raise InputError(f"genome: need one of {sorted(set(genomes.sequences['genome']))}, got {genome!r}")
    sets = [_read(path, chroms, genomes, genome, params) for path in files]
    # a column `file` only where it tells files apart
    several = len(files) > 1
    table = pd.concat(
        [s.table.assign(file=p.name) if several else s.table for s, p in zip(sets, files, strict=True)],
        ignore_index=True,
    )
    table.attrs["contig_lengths"] = _agreed([s.table.attrs.get("contig_lengths", {}) for s in sets])
    if expression := params.select.get(name):
        chosen_rows = chosen(table.apply(numbers), expression, f"select, {name}")
        log.info("%d of %d variants are left out by %r", (~chosen_rows).sum(), len(table), expression)
        table = table[chosen_rows].reset_index(drop=True)
    refused = pd.concat([s.refused for s in sets], ignore_index=True)
    # a variant of two files is scored once, under the first
    twice = table.duplicated(["chrom", "pos", "ref", "alt"])
    refused = pd.concat([refused, table[twice].assign(reason="in an earlier file already")], ignore_index=True)
    checked = check_variants(genomes, genome, table[~twice].reset_index(drop=True), params, ", ".join(map(str, files)))
    refused = pd.concat([refused, checked.refused], ignore_index=True)
    log.info("%d variants of use, %d refused", len(checked.variants), len(refused))
    if checked.variants.empty:
        raise InputError(f"{', '.join(map(str, files))}: need a variant that can be scored, got none")
    # text that one file has and another has not is missing there: empty, as the contract wants it
    text = [c for c in checked.variants.columns if checked.variants[c].dtype == object]
    filled = checked.variants.assign(**{c: checked.variants[c].fillna("") for c in text})
    described = describe(genomes, genome, filled, genomes.annotations(), params) if annotated else bare(genome, filled)
    return VariantFile(genomes, genome, described, refused)


def _read(path: Path, chroms: Mapping[str, int], genomes: Genomes, genome: str, params: VariantsParams) -> VariantSet:
    """A file's variants, its symbolic alleles spelled out where that can be done."""
    variants = read_variants(path, chroms, params.max_faulty)
    spelled = spelled_out(genomes, genome, variants.refused, params, variants.table)
    if spelled.table.empty:
        return variants._replace(refused=spelled.refused)
    table = pd.concat([variants.table, spelled.table], ignore_index=True)
    text = [c for c in table.columns if table[c].dtype == object]
    # rows in the order of the file again, spelled-out alleles among the others
    table = table.assign(**{c: table[c].fillna("") for c in text}).sort_values("line", kind="stable")
    table.attrs = dict(variants.table.attrs)
    return variants._replace(table=table.reset_index(drop=True), refused=spelled.refused)


def _agreed(headers: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Lengths of contigs on which all files that state them agree."""
    stated: dict[str, set[int]] = {}
    for header in headers:
        for name, length in header.items():
            stated.setdefault(name, set()).add(length)
    # two files that state two lengths: neither is believed
    return {name: next(iter(lengths)) for name, lengths in stated.items() if len(lengths) == 1}


def _only(genomes: Genomes) -> str:
    names = sorted(set(genomes.sequences["genome"]))
    if len(names) != 1:
        raise InputError(f"genome: need the name of one of {', '.join(names)}, got none")
    return names[0]


def set_provenance(folder: Path, files: Sequence[Path], params: VariantsParams, hashes: dict[str, str]) -> Provenance:
    """Provenance of a set: parameters, the files' hashes, and those of model and dictionary."""
    lineage = provenance("variants", params, [*files, folder / "sequences.fa"])
    return lineage.model_copy(update={"inputs": {**lineage.inputs, **hashes}})


def run_shards(
    variants: VariantFile,
    scorer: AlleleScorer | PlainScorer,
    params: VariantsParams,
    *,
    out: Path,
    shards: Sequence[int],
    n_shards: int,
    lineage: Provenance,
) -> None:
    """Score some shards of a set; those that are there with the right content are left alone."""
    everything = places(variants.described, variants.genomes, params)
    for shard in shards:
        score_shard(
            scorer,
            variants.genomes,
            variants.described,
            params,
            path=effects_path(out, shard, n_shards),
            chosen_places=shard_of(everything, shard, n_shards),
            lineage=lineage,
        )


def scorer_of(
    model: DnaModel, dictionary: Dictionary, params: VariantsParams
) -> tuple[AlleleScorer | PlainScorer, dict[str, str]]:
    """The scorer of a model, and the hashes of model and dictionary.

    Raises
    ------
    InputError
        Where the dictionary is of another model.
    """
    dictionary.origin.require(model.spec.origin(dictionary.origin.site), f"dictionary {dictionary.hash}: model")
    hashes = {"model": model.spec.hash, "dictionary": dictionary.hash}
    if isinstance(model.model, StripedHyena):
        # resuming from a state halves the work, and needs a model that has one
        return AlleleScorer(model.model, dictionary, reach=params.near, tokens=params.batch_tokens), hashes
    log.warning("model %s cannot resume from a state: every window is read whole", model.spec.name)
    return PlainScorer(model, dictionary, reach=params.near), hashes


def gather_shards(variants: VariantFile, *, out: Path, n_shards: int) -> pd.DataFrame:
    """Join all shards of a set to its table, its Δ (`.h5ad`) and its refused variants (`refused/`)."""
    paths = [effects_path(out, i, n_shards) for i in range(n_shards)]
    if missing := [p for p in paths if not p.is_file()]:
        raise InputError(f"{out}: need {n_shards} shards, got none at {missing[0]}; score it first")
    lineage = one_origin(paths)
    annotations = provenance("variants", None, [variants.genomes.folder / "annotations.parquet"]).inputs
    lineage = lineage.model_copy(update={"inputs": {**lineage.inputs, **annotations}})
    refused = REFUSED_VARIANTS.check(variants.refused) if len(variants.refused) else REFUSED_VARIANTS.empty()
    write_table(refused, out.parent / "refused" / out.name, REFUSED_VARIANTS, lineage)
    return gather_effects(variants.described, paths, out, lineage)
