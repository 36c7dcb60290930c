"""Scores of a VCF file without a configuration: `photo51 score`.

The genome is a prepared folder, a sequence file or a name; what is needed is prepared on the spot. Beside the model's
scores stand two that need no model: what a Markov chain of the same genome says, and how grave the consequence is.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from photo51.config.biomarkers import VariantsParams
from photo51.config.genome import GenomeParams
from photo51.effects.run import VariantFile, load_variants, scorer_of
from photo51.effects.scoring import AlleleScorer, PlainScorer
from photo51.effects.variants import add_nulls, summary, variant_effects
from photo51.genome.alphabet import encode, reverse_complement
from photo51.genome.axis.genomes import Genomes
from photo51.genome.consequence import ORDER
from photo51.genome.preparation.prepare import prepare
from photo51.genome.preparation.samples import COLUMNS, NONE
from photo51.genome.text import data_lines, open_text
from photo51.io import atomic
from photo51.io.origin import Origin
from photo51.model.families.adapters import DnaModel
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.sae.dictionary import Dictionary
from photo51.types import InputError

log = logging.getLogger(__name__)
DEFAULTS = VariantsParams(window=512, after=128, snap=32)
SMALL = GenomeParams(
    block=256, gap=16, core=128, warmup=16, min_context=0, shard=4096
)  # blocks so small that a short genome has several
SMALL_BYTES = 200_000  # bytes of a file below which it is taken for such a genome
ORDER_OF_CHAIN = 5  # 1,024 contexts of 5 bases: a plasmid fills them
TOP_FEATURES = 5
INFO = {
    "P51_LLR": ("A", "Float", "log P(alternative window) - log P(reference window), mean of both strands (nats)"),
    "P51_FLANK": ("A", "Float", "the same over unchanged bases alone (nats)"),
    "P51_FAIR": (
        "A",
        "Float",
        (
            "length-fair score: against random changes of the same kind and length (standard deviations); . where no"
            " allele of the file changes the length"
        ),
    ),
    "P51_MARKOV": (
        "A",
        "Float",
        "the same by a Markov chain of order 5 of this genome: a baseline without a model (nats)",
    ),
    "P51_CSQ": ("A", "String", "gravest consequence"),
    "P51_GENE": ("A", "String", "gene, or the nearest one"),
    "P51_REFUSED": ("1", "String", "why an allele of this record has no score"),
}


class SiteOnly:
    """Stands in where features are not asked for: one feature that never fires."""

    n_features = 1

    def __init__(self, origin: Origin):
        self.origin = origin

    def encode(self, x: NDArray[np.float32]) -> sparse.csr_matrix:
        """Nothing, (tokens, 1)."""
        return sparse.csr_matrix((len(x), 1), dtype=np.float32)


@contextmanager
def opened_genome(
    genome: str,
    annotations: Sequence[Path] = (),
    *,
    genetic_code: int | None = None,
    topology: str = "auto",
    table: Path = Path("config/genomes.tsv"),
) -> Iterator[Path]:
    """A folder of prepared genomes for `genome`: that folder itself, or one that lasts as long as the context.

    Parameters
    ----------
    genome
        Folder of `photo51 prepare`, or of a run; FASTA or GenBank file; name in `table`; or a downloaded accession.
    annotations
        GFF3, GTF, GenBank or gene tables for a sequence file.
    genetic_code, topology
        As in `genomes.tsv`.
    table
        Where names are looked up.

    Raises
    ------
    InputError
        Where it is none of these, or annotations are given beside a genome that has its own.
    """
    folder = Path(genome)
    for place in (folder, folder / "genome"):
        if (place / "contigs.parquet").is_file():
            if annotations:
                raise InputError(
                    f"{genome}: a prepared genome has its annotation; need a sequence file with --annotation"
                )
            _none_stated(f"{genome}: a prepared genome", genetic_code, topology)
            yield place
            return
    cells = dict.fromkeys(COLUMNS, "-")
    if folder.is_file():
        named = ";".join(str(a.resolve()) for a in annotations) or "-"
        code = "-" if genetic_code is None else str(genetic_code)
        cells |= {
            "genome": "genome",
            "sequence": str(folder.resolve()),
            "annotation": named,
            "genetic_code": code,
            "topology": topology,
        }
    else:
        cells |= _named(genome, table, annotations, genetic_code, topology)
    with tempfile.TemporaryDirectory(prefix="photo51-score-") as temporary:
        sheet = Path(temporary) / "genomes.tsv"
        sheet.write_text("\t".join(cells) + "\n" + "\t".join(cells.values()) + "\n", encoding="utf-8")
        small = folder.is_file() and folder.stat().st_size < SMALL_BYTES
        try:
            prepare(sheet, Path(temporary) / "genome", SMALL if small else GenomeParams())
        except InputError as e:
            # the table is ours: what is wrong was stated as an option
            raise InputError(str(e).replace(f"{sheet}, line 2", f"--genome {genome}")) from e
        yield Path(temporary) / "genome"


def _none_stated(what: str, genetic_code: int | None, topology: str) -> None:
    """Refuse options that a genome has answers to of its own."""
    for option, stated in (("--genetic-code", genetic_code is not None), ("--topology", topology != "auto")):
        if stated:
            raise InputError(f"{what} has its own; need a sequence file with {option}")


def _named(
    genome: str, table: Path, annotations: Sequence[Path], genetic_code: int | None, topology: str
) -> dict[str, str]:
    """Cells of a genome that a table names; else an accession."""
    names: list[str] = []
    if table.is_file():
        header: list[str] = []
        for _, line in data_lines(table):
            fields = [f.strip() for f in line.split("\t")]
            if not header:
                header = fields
                continue
            row = dict(zip(header, fields, strict=False))
            names.append(row.get("genome", ""))
            if names[-1] == genome:
                if annotations:
                    raise InputError(f"{genome}: {table} names its annotation; need a sequence file with --annotation")
                _none_stated(f"{genome}: a genome of {table}", genetic_code, topology)
                cells = {c: _absolute(row.get(c, "-"), table) for c in ("sequence", "annotation")}
                return {**row, **cells, "regions": "-", "variants": "-", "extra_annotations": "-"}
    if (Path("resources/fetched") / f"{genome}.fa").is_file() or (Path("resources/fetched") / f"{genome}.gb").is_file():
        code = "-" if genetic_code is None else str(genetic_code)
        stated = {"genetic_code": code, "topology": topology}
        return {"genome": "genome", "sequence": genome, "annotation": ";".join(map(str, annotations)) or "-", **stated}
    raise InputError(
        f"--genome: need a FASTA or GenBank file, a folder of `photo51 prepare`, a genome of {table}"
        f" ({', '.join(names) or 'no such file'}), or an accession that `photo51 fetch` has downloaded, got {genome!r}"
    )


def _absolute(cell: str, table: Path) -> str:
    if cell in NONE:
        return "-"
    paths = []
    for item in cell.split(";"):
        places = [table.parent / item.strip(), Path(item.strip())]
        paths.append(str(next((p.resolve() for p in places if p.is_file()), item.strip())))
    return ";".join(paths)


def dictionary_of(sae: str | None, model: str) -> Dictionary | None:
    """The dictionary that is asked for: folder of one, folder of a run, or `shipped` with the model.

    Raises
    ------
    InputError
        Where there is none.
    """
    if sae is None:
        return None
    if sae == "shipped":
        from photo51.shipped import shipped

        name = model.removeprefix("sh2:")
        folder = shipped(f"resources/dictionaries/{name}") if model.startswith("sh2:") else Path("-")
        if not (folder / "sae.safetensors").is_file():
            raise InputError(
                f"--sae shipped: need a dictionary that comes with {model}, got none; name a run (results/NAME) or a"
                " folder with sae.safetensors"
            )
        return Dictionary.load(folder)
    places = [Path(sae), Path(sae) / "sae" / "main", Path("results") / sae / "sae" / "main"]
    for place in places:
        if (place / "sae.safetensors").is_file():
            return Dictionary.load(place)
    raise InputError(
        f"--sae: need a dictionary, the folder of a run, or `shipped`, got {sae!r}; looked in"
        f" {', '.join(map(str, places))}"
    )


def score_file(
    folder: Path,
    files: Sequence[Path],
    model: DnaModel,
    dictionary: Dictionary | None = None,
    params: VariantsParams = DEFAULTS,
    genome: str | None = None,
) -> tuple[pd.DataFrame, VariantFile]:
    """Score the variants of files on a prepared genome.

    Returns
    -------
    One row a variant in the order of the files, positions 1-based; and what was read and refused.

    Raises
    ------
    InputError
        As `load_variants`; for a dictionary of another model.
    """
    loaded = load_variants(folder, files, params, genome)
    scorer: AlleleScorer | PlainScorer
    if dictionary is not None:
        scorer, _ = scorer_of(model, dictionary, params)
    else:
        nothing = SiteOnly(model.spec.origin(f"block.{model.spec.n_layers - 1}.out"))
        scorer = (
            AlleleScorer(model.model, nothing, reach=params.near, tokens=params.batch_tokens)
            if isinstance(model.model, StripedHyena)
            else PlainScorer(model, nothing, reach=params.near)
        )
    effects = variant_effects(scorer, loaded.genomes, loaded.described, params)
    add_nulls(effects, scorer, loaded.genomes, loaded.described, params)
    table = loaded.described.reset_index(drop=True)
    table = pd.concat([table, summary(effects, loaded.described).reset_index(drop=True)], axis=1)
    table["llr_markov"] = markov_llr(loaded.genomes, loaded.genome, table)
    rank = {name: i for i, name in enumerate(ORDER)}
    # gravest consequence → highest number; an unknown one → 0
    table["severity"] = [len(ORDER) - rank.get(str(c), len(ORDER)) for c in table["consequence"]]
    if dictionary is not None:
        table["top_features"] = top_features(effects)
    else:
        table = table.drop(columns=["n_changed", "delta_norm"])
    return _ordered(table), loaded


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    # the column leaves counted from 1, as VCF does
    table = table.assign(pos=table["pos"] + 1)
    first = ["chrom", "pos", "id", "ref", "alt", "gene", "strand", "consequence", "codon_position", "hgvs_p"]
    second = [
        "llr",
        "llr_flank",
        "llr_fair",
        "llr_plus",
        "llr_minus",
        "llr_markov",
        "severity",
        "delta_norm",
        "n_changed",
        "top_features",
    ]
    left_out = {"variant", "genome", "context_ref", "context_alt", "pos0"}
    named = [c for c in first + second if c in table.columns]
    return table[[*named, *(c for c in table.columns if c not in named and c not in left_out)]]


def top_features(effects: ad.AnnData) -> list[str]:
    """The features near the variant that change most, both strands together: `f12:+1.3;f40:-0.8`."""
    # near layers hold signed changes: where the strands disagree they cancel
    total = sparse.csr_matrix(effects.layers["near_plus"]) + sparse.csr_matrix(effects.layers["near_minus"])
    out = []
    for row in range(total.shape[0]):
        part = total[[row]]
        order = np.argsort(-np.abs(part.data), kind="stable")[:TOP_FEATURES]
        # stable: of equal changes the lower feature first, on any machine
        out.append(";".join(f"f{part.indices[i]}:{part.data[i]:+.3g}" for i in order if part.data[i]))
    return out


def markov_llr(genomes: Genomes, genome: str, variants: pd.DataFrame) -> NDArray[np.float64]:
    """Log-likelihood ratio of each variant by a Markov chain of the genome itself, mean of both strands (nats), (n,).

    The chain of order 5 counts words of both strands, one added to each: what the genome's composition alone says.
    """
    counts = np.ones((4**ORDER_OF_CHAIN, 4))
    contigs = genomes.contigs[genomes.contigs["genome"] == genome]
    for chrom, length in zip(contigs["chrom"], contigs["length"], strict=True):
        ids = genomes.sequence(genome, str(chrom), 0, int(length))
        # both strands of the genome: the chain is then the same for either reading
        for strand in (ids, reverse_complement(ids)):
            words, following = _words(strand)
            np.add.at(counts, (words, following), 1)
    log_p = np.log(counts / counts.sum(1, keepdims=True))

    def likelihood(ids: NDArray[np.uint8]) -> float:
        words, following = _words(ids)
        return float(log_p[words, following].sum())

    out = np.zeros(len(variants))
    for i, (chrom, pos, ref, alt) in enumerate(
        zip(variants["chrom"], variants["pos"], variants["ref"], variants["alt"], strict=True)
    ):
        length, circular = genomes.length(genome, chrom), genomes.is_circular(genome, chrom)
        # only words that touch the variant differ: k bases before it and k after are enough
        start, end = pos - ORDER_OF_CHAIN, pos + len(ref) + ORDER_OF_CHAIN
        if not circular:
            start, end = max(start, 0), min(end, length)
        # a variant at the contig's first base has nothing to its left
        left = genomes.sequence(genome, chrom, start, pos) if pos > start else encode("")
        right = genomes.sequence(genome, chrom, pos + len(ref), end) if end > pos + len(ref) else encode("")
        windows = [np.concatenate([left, encode(allele), right]) for allele in (ref, alt)]
        # log P(alt) − log P(ref), strand by strand, then their mean
        sides = [[likelihood(w), likelihood(reverse_complement(w))] for w in windows]
        out[i] = np.mean(np.subtract(sides[1], sides[0]))
    return out


def _words(ids: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Words of `ORDER_OF_CHAIN` bases as numbers and the base after each, where all are A, C, G, T."""
    k = ORDER_OF_CHAIN
    # 4 stands for any other letter
    base = np.full(256, 4, dtype=np.int64)
    for number, letter in enumerate("ACGT"):
        base[encode(letter)[0]] = number
    letters = base[ids]
    if len(letters) <= k:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    # k bases and the one that follows; a word with an N is not counted
    windows = np.lib.stride_tricks.sliding_window_view(letters, k + 1)
    windows = windows[(windows < 4).all(1)]
    # big-endian base 4: the first base of a word is its highest digit
    return windows[:, :k] @ 4 ** np.arange(k - 1, -1, -1), windows[:, k]


def is_text_vcf(path: Path) -> bool:
    """Whether a file is VCF as text, plain or compressed, which can be copied with more in its INFO."""
    try:
        with open_text(path) as text:
            # the first line decides, as a name may say anything
            return text.readline().startswith("##fileformat=VCF")
    except InputError:
        return False


def write_scores(table: pd.DataFrame, loaded: VariantFile, out: Path) -> None:
    """Write scores as a table with tabs, and what was refused beside it (`.refused.tsv`)."""
    _write_tsv(table, out)
    path = out.with_name(f"{out.stem}.refused.tsv")
    # of an earlier call, it would be taken for what this one refused
    path.unlink(missing_ok=True)
    if len(loaded.refused):
        _write_tsv(loaded.refused.assign(pos=loaded.refused["pos"] + 1), path)


def remove_copy(path: Path) -> None:
    """Remove the annotated copy of an earlier call, where scores of another source take its place; no other file."""
    if path.is_file() and is_text_vcf(path):
        with open_text(path) as text:
            ours = any(_states_ours(line) for line in takewhile(lambda line: line.startswith("#"), text))
        if ours:
            log.info("%s was of an earlier call and is removed", path)
            path.unlink()


def _states_ours(line: str) -> bool:
    """Whether a line of a VCF header states a key that `annotate_vcf` writes."""
    return line.startswith(tuple(f"##INFO=<ID={name}," for name in INFO))


def _write_tsv(table: pd.DataFrame, path: Path) -> None:
    with atomic(path) as partial:
        table.to_csv(partial, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


def annotate_vcf(source: Path, table: pd.DataFrame, loaded: VariantFile, out: Path) -> None:
    """Copy a VCF file with scores among its INFO; records and samples stay as they are, in their order.

    Values of a record are one an alternative allele, `.` where an allele has no score; why stands in P51_REFUSED.
    """
    by_line: dict[int, dict[str, dict[str, object]]] = {}
    # several alleles of a record share its line
    for row in table.to_dict("records"):
        by_line.setdefault(int(row["line"]), {})[_original(row)] = row
    reasons = loaded.refused.groupby("line")["reason"].first().to_dict() if len(loaded.refused) else {}
    with (
        open_text(source) as text,
        atomic(out) as partial,
        partial.open("w", encoding="utf-8", newline="\n") as copy,
    ):
        for number, raw in enumerate(text, 1):
            line = raw.rstrip("\n")
            if _states_ours(line):
                continue  # of an earlier scoring, which this one replaces
            if line.startswith("#CHROM"):
                copy.writelines(
                    f'##INFO=<ID={name},Number={n},Type={kind},Description="{description}">\n'
                    for name, (n, kind, description) in INFO.items()
                )
            elif line and not line.startswith("#"):
                line = _with_info(line, by_line.get(number, {}), str(reasons.get(number, "")))
            copy.write(line + "\n")


def _original(row: dict[str, object]) -> str:
    """The alternative allele as the file has it."""
    return str(row.get("given_alt") or row["alt"]).upper()


def _with_info(line: str, rows: dict[str, dict[str, object]], reason: str) -> str:
    fields = line.split("\t")
    if len(fields) < 8:
        return line
    alts = fields[4].split(",")
    # normalising may have rewritten the one allele there is: then it is that one
    scored = [rows.get(a.upper()) or (next(iter(rows.values())) if len(rows) == len(alts) == 1 else None) for a in alts]
    columns = {
        "P51_LLR": "llr",
        "P51_FLANK": "llr_flank",
        "P51_FAIR": "llr_fair",
        "P51_MARKOV": "llr_markov",
        "P51_CSQ": "consequence",
        "P51_GENE": "gene",
    }
    info = []
    if any(scored):
        for name, column in columns.items():
            info.append(f"{name}=" + ",".join("." if s is None else _cell(s[column]) for s in scored))
    if reason and not all(scored):
        info.append(f"P51_REFUSED={_cell(reason)}")
    # a `.` is an empty INFO in VCF and goes when something is put there; so do keys of an earlier scoring
    there = [item for item in fields[7].split(";") if item not in {".", ""} and item.split("=", 1)[0] not in INFO]
    fields[7] = ";".join([*there, *info]) or "."
    return "\t".join(fields)


def _cell(value: object) -> str:
    """A value as INFO may hold it: no blanks, semicolons, commas or equals signs."""
    if isinstance(value, float):
        return f"{value:.5g}" if np.isfinite(value) else "."
    # characters that would end a field or a value
    text = str(value).translate(str.maketrans(" ;,=\t", "_|||_"))
    return text or "."
