"""`photo51 find`: what a run says of an annotation, a gene, a place, a variant, a sequence or a feature."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
import pandas as pd

from photo51 import words
from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.genome.consequence.protein import THREE_LETTERS
from photo51.report.elements import feature_text
from photo51.report.elements.sentences import called, label
from photo51.run.feature import feature_facts
from photo51.run.known import ASSOCIATED, associated, closest
from photo51.run.opened import Run
from photo51.run.places import joined_spans
from photo51.types import STRANDS, InputError, feature_number

MOST = 25  # rows printed
_TOLD = 8  # places of a sequence whose features are told
MIN_SEQUENCE = 12  # letters from which on A, C, G, T are a sequence and no name
GENES = (
    "gene",
    "pseudogene",
    "CDS",
    "tRNA",
    "rRNA",
    "ncRNA",
    "D_loop",
    "mobile_element",
    "prophage",
    "CRISPR",
)
NOT_READ = "not read in this run"
_FEATURE = re.compile(r"^(?:feature\s+|f)?(\d+)$", re.IGNORECASE)
_HGVS = re.compile(r"^(?:(\S+):)?[mg]\.(\d+)([ACGT]+)>([ACGT]+)$", re.IGNORECASE)
_WRITTEN = re.compile(r"^(\S+):(\d+):([ACGT]+)>([ACGT]+)$", re.IGNORECASE)  # as tables of variants name theirs
_PROTEIN = re.compile(r"^(\S+)[\s:]+(?:p\.)?([A-Z*][a-z]{0,2})(\d+)([A-Z*=][a-z]{0,2})$")
_PLACE = re.compile(r"^(\S+?)[:\s]\s*([\d,]+)(?:\s*(?:-|\.\.|–)\s*([\d,]+))?$")


class Found(NamedTuple):
    """An answer.

    Attributes
    ----------
    title
        What was taken to be asked for, and how much of it was read.
    table
        Rows of the answer, best first; may be empty.
    text
        Instead of a table, where the answer is prose.
    """

    title: str
    table: pd.DataFrame
    text: str = ""

    def __str__(self) -> str:
        """As a terminal shows it."""
        if self.text:
            return f"{self.title}\n{self.text}"
        if self.table.empty:
            return self.title
        rest = f"\n… {len(self.table) - MOST:,} more" if len(self.table) > MOST else ""
        shown = self.table.head(MOST).to_string(
            index=False, float_format=lambda v: f"{v:.3g}", na_rep="–", max_colwidth=60
        )
        return f"{self.title}\n{shown}{rest}"


def feature_called(run: Run, text: str) -> int:
    """A feature by its number, as 812 or f812, or by the name that pages show.

    Raises
    ------
    InputError
        For a number that the dictionary does not have, a name of several features, naming them, and a name of none,
        with the nearest names.
    """
    if re.fullmatch(r"(?:[fF]/?)?\d+", text.strip()):
        return run.check(feature_number(text))
    best = closest(run)
    shown: dict[str, list[int]] = {}
    for feature, row in zip(best.index, best.to_dict("records"), strict=True):
        for name in {called(row), str(row["annotation"])} if row["named"] else {called(row)}:
            shown.setdefault(name.lower(), []).append(int(feature))
    features = shown.get(text.strip().lower(), [])
    if len(features) == 1:
        return features[0]
    if features:
        examples = ", ".join(f"f{f}" for f in features[:12]) + (", …" if len(features) > 12 else "")
        raise InputError(f"feature {text!r}: need the name of one feature, got that of {len(features)}: {examples}")
    near = get_close_matches(text.strip().lower(), list(shown), n=5, cutoff=0.4)
    hint = f"; the nearest names are {', '.join(near)}" if near else f"; {len(shown)} names are known"
    raise InputError(f"feature: need a number such as 812 or f812, or a name of the run, got {text!r}{hint}")


def find(run: Run, text: str) -> Found:
    """Answer a question put in a word or two.

    Raises
    ------
    InputError
        Where nothing in the run is called so, naming what can be asked for.
    """
    question = text.strip()
    for answer in (_feature, _variant, _sequence, _gene, _place, _annotation):
        if (result := answer(run, question)) is not None:
            return result
    classes = sorted(run.genomes.annotations()["kind"].unique())
    raise InputError(
        f"{text!r}: need a feature (f12), an annotation class ({', '.join(classes[:8])}, …), a gene or locus tag, a"
        f" place (contig:first-last), a variant (m.3243A>G, katG S315T) or a sequence of at least {MIN_SEQUENCE} bases,"
        " got nothing that this run knows"
    )


def _feature(run: Run, question: str) -> Found | None:
    hit = _FEATURE.match(question)
    return (
        Found(f"feature {hit[1]}", pd.DataFrame(), feature_text.text(feature_facts(run, int(hit[1])))) if hit else None
    )


# ---- variants


def _variant(run: Run, question: str) -> Found | None:
    base, protein = _HGVS.match(question) or _WRITTEN.match(question), _PROTEIN.match(question)
    if base is None and protein is None:
        return None
    table = run.table("variants")
    if table is None:
        return Found(f"{question}: {run.absent('variants')}", pd.DataFrame())
    if base is not None:
        of_contig = _on(run, table, base[1], question) if base[1] else table
        alleles = (of_contig["ref"] == base[3].upper()) & (of_contig["alt"] == base[4].upper())
        rows = of_contig[(of_contig["pos"] == int(base[2]) - 1) & alleles]
    else:
        assert protein is not None
        change = "p." + _three(protein[2]) + protein[3] + _three(protein[4])
        protein_changes = table["hgvs_p"] if "hgvs_p" in table else pd.Series("", index=table.index)
        rows = table[
            (table["gene"].str.lower() == protein[1].lower()) & protein_changes.str.contains(change, regex=False)
        ]
    if rows.empty:
        return Found(
            f"{question}: not among the {len(table):,} variants of this run ({words.listing(run.sets('variants'))})",
            pd.DataFrame(),
        )
    columns = [c for c in ("set", "variant", "gene", "consequence", "hgvs_p", "label", "llr", "n_changed") if c in rows]
    return Found(f"{question}: {words.count(len(rows), 'variant')}, llr in nats", _carded(run, rows[columns]))


def _on(run: Run, table: pd.DataFrame, name: str, question: str) -> pd.DataFrame:
    """Variants on a contig, or on a genome, of that name.

    Raises
    ------
    InputError
        Where the run has neither.
    """
    contigs = run.genomes.contigs
    for column in ("chrom", "genome"):
        if (contigs[column].str.lower() == name.lower()).any():
            return table[table[column].str.lower() == name.lower()]
    known = ", ".join(dict.fromkeys(contigs["chrom"].astype(str)))
    raise InputError(f"{question!r}: need a contig or genome of the run ({known}), got {name!r}")


def _carded(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    cards = run.table("cards")
    there = set() if cards is None else set(cards["variant"])
    return rows.assign(card=["yes" if v in there else "no" for v in rows["variant"]])


def _three(residue: str) -> str:
    return THREE_LETTERS.get(residue.upper(), residue.capitalize()) if len(residue) == 1 else residue.capitalize()


# ---- sequence


def _sequence(run: Run, question: str) -> Found | None:
    letters = re.sub(r"\s", "", question).upper().replace("U", "T")
    if len(letters) < MIN_SEQUENCE or set(letters) - set("ACGT"):
        return None
    letters_of = {"+": letters, "-": decode(reverse_complement(encode(letters)))}
    rows = []
    for s in run.places.workspace.table.itertuples(index=False):
        bases = decode(run.genomes.sequence(str(s.genome), str(s.chrom), int(s.start), int(s.end)))
        for strand in STRANDS if letters_of["+"] != letters_of["-"] else STRANDS[:1]:
            for offset in _all(bases, letters_of[strand]):
                start = int(s.start) + offset
                rows.append((str(s.genome), str(s.chrom), start, start + len(letters), strand))
    rows += [
        (genome, chrom, start, start + len(letters), strand)
        for strand in (STRANDS if letters_of["+"] != letters_of["-"] else STRANDS[:1])
        for genome, chrom, start in _over_origin(run, letters_of[strand])
    ]
    if not rows:
        return Found(
            f"{len(letters)} bases: nowhere in the {words.bases(run.places.workspace.n_rows)} read, on either strand",
            pd.DataFrame(),
        )
    named = [(g, c, a, b, _circular_place(run, g, c, a, b), strand) for g, c, a, b, strand in rows]
    parts = [_along(run, g, c, a, b).assign(place=place, match=strand) for g, c, a, b, place, strand in named[:_TOLD]]
    places_text = words.listing([f"{place} ({strand})" for *_, place, strand in named], _TOLD)
    rest = f"; features at the first {_TOLD}" if len(rows) > _TOLD else ""
    return Found(f"{len(letters)} bases at {places_text}{rest}", pd.concat(parts, ignore_index=True))


def _circular_place(run: Run, genome: str, chrom: str, start: int, end: int) -> str:
    """A place as people write it; one over the origin of a circle ends at a smaller number than it begins at."""
    length = run.genomes.length(genome, chrom)
    return words.place(chrom, start, end) if end <= length else f"{chrom}:{start + 1:,}-{end - length:,}"


def _over_origin(run: Run, letters: str) -> Iterator[tuple[str, str, int]]:
    """Where bases lie over the origin of a circle of which both ends were read: genome, contig, first base."""
    for (genome, chrom), segments in run.places.workspace.table.groupby(["genome", "chrom"], sort=False):
        length = run.genomes.length(str(genome), str(chrom))
        ends = int(segments["start"].min()) == 0 and int(segments["end"].max()) == length
        if not ends or not run.genomes.is_circular(str(genome), str(chrom)) or len(letters) > length:
            continue
        first = segments.loc[segments["start"] == 0, "end"].iloc[0]
        last = segments.loc[segments["end"] == length, "start"].iloc[0]
        # one base less than asked for on either side, so that no match lies on one side alone
        before, after = min(len(letters) - 1, length - int(last)), min(len(letters) - 1, int(first))
        bases = decode(run.genomes.sequence(str(genome), str(chrom), length - before, length + after))
        yield from ((str(genome), str(chrom), length - before + offset) for offset in _all(bases, letters))


def _all(text: str, word: str) -> Iterator[int]:
    offset = text.find(word)
    while offset >= 0:
        yield offset
        offset = text.find(word, offset + 1)


# ---- places and genes


def _place(run: Run, question: str) -> Found | None:
    hit = _PLACE.match(question)
    if hit is None:
        return None
    contigs = run.genomes.contigs
    name = hit[1].lower()
    by_name = contigs[contigs["chrom"].str.lower() == name]
    by_genome = contigs[contigs["genome"].str.lower() == name]
    fitting = by_name if len(by_name) else by_genome
    if len(fitting) != 1:
        return None
    genome, chrom, length = (fitting.iloc[0][k] for k in ("genome", "chrom", "length"))
    start = int(hit[2].replace(",", "")) - 1
    end = int(hit[3].replace(",", "")) if hit[3] else start + 1
    if not 0 <= start < end <= int(length):
        raise InputError(f"{question!r}: need a place within 1–{int(length):,} of {chrom}, got {start + 1:,}–{end:,}")
    return _read(run, words.place(str(chrom), start, end), [(str(genome), str(chrom), start, end, "")])


def _gene(run: Run, question: str) -> Found | None:
    word = question.lower().removeprefix("gene:").strip()
    table = run.genomes.annotations()
    table = table[table["kind"].isin(GENES)]
    tag = table["group"].str.replace(r"^(?:gene|cds|rna)-", "", regex=True).str.lower()
    hit = (table["name"].str.lower() == word) | ((tag == word) & (tag != ""))
    rows = table[hit & (table["strand"] != "") & (table["name"] != "")]
    if rows.empty:
        return None
    return _read(run, str(rows["name"].iloc[0]), gene_spans(rows))


def gene_spans(rows: pd.DataFrame) -> list[tuple[str, str, int, int, str]]:
    """Intervals of annotations, (genome, contig, start, end, strand), as `joined_spans` parts them."""
    table = joined_spans(rows, ["genome", "chrom", "strand"])
    columns = table[["genome", "chrom", "start", "end", "strand"]].itertuples(index=False, name=None)
    return [(str(g), str(c), int(start), int(end), str(s)) for g, c, start, end, s in columns]


def _read(run: Run, what: str, spans: list[tuple[str, str, int, int, str]]) -> Found:
    """Features along intervals, and how much of these was read."""
    total = sum(b - a for _, _, a, b, _ in spans)
    left = sum(y - x for g, c, a, b, _ in spans for x, y in run.places.unread(g, c, a, b))
    places_text = words.listing([f"{g} {words.place(c, a, b, s)}" for g, c, a, b, s in spans], 4)
    if left == total:
        return Found(f"{what} ({places_text}): {NOT_READ}; nothing is known of features there", pd.DataFrame())
    part = f"{total - left:,} of {words.count(total, 'base')} were read" if left else _all_read(total)
    parts = [_along(run, g, c, a, b, s) for g, c, a, b, s in spans]
    if len(spans) > 1:  # a row is of one of them
        parts = [p.assign(place=f"{s[0]} {words.place(s[1], s[2], s[3])}") for p, s in zip(parts, spans, strict=True)]
    table = pd.concat(parts, ignore_index=True)
    return Found(f"{what} ({places_text}): {part}", table.sort_values("share", ascending=False, kind="stable"))


def _all_read(total: int) -> str:
    return "the base was read" if total == 1 else f"all {total:,} bases were read"


def _along(run: Run, genome: str, chrom: str, start: int, end: int, strand: str = "") -> pd.DataFrame:
    """Every feature that is active in an interval, by its largest activation there as a share of its own largest.

    `reads` says sense or antisense for an interval with a strand, else the strand read.
    """
    top = run.features["maximum"].to_numpy(dtype=float)
    ids = run.features["feature"].to_numpy()
    names = closest(run)
    parts = []
    length = run.genomes.length(genome, chrom)
    spans = [(start, end)] if end <= length else [(start, length), (0, end - length)]
    for rows in [rows for a, b in spans for rows in run.places.workspace.rows_of(genome, chrom, a, b)]:
        for s in STRANDS:
            codes = run.codes.matrix(s, rows)
            largest = np.asarray(codes.max(axis=0).todense()).ravel()
            n = np.diff(codes.tocsc().indptr)
            active = np.flatnonzero(largest > 0)
            way = s if strand not in STRANDS else "sense" if s == strand else "antisense"
            parts.append(
                pd.DataFrame(
                    {
                        "feature": ids[active],
                        "reads": way,
                        "share": largest[active] / np.maximum(top[active], 1e-12),
                        "active": n[active],
                    }
                )
            )
    columns = ["feature", "reads", "share", "active", "called", "grade"]
    if not parts:
        return pd.DataFrame(columns=columns)
    table = (
        pd.concat(parts)
        .groupby(["feature", "reads"], as_index=False)
        .agg(share=("share", "max"), active=("active", "sum"))
    )
    rows_of = {int(f): r for f, r in zip(names.index, names.to_dict("records"), strict=True)}
    table["called"] = [called(rows_of[f]) if f in rows_of else "unnamed" for f in table["feature"]]
    table["grade"] = [str(rows_of[f]["grade"]) if f in rows_of else "–" for f in table["feature"]]
    return table.sort_values(["share", "feature"], ascending=[False, True], kind="stable")[columns]


# ---- annotations


def _associated(run: Run, matching: Sequence[str], title: str) -> Found:
    """Features associated with classes that no feature is close to, by the circular-shift test, best first."""
    nothing = "no feature is named after it or close to it"
    hits = associated(run, matching)
    if hits.empty:
        return Found(f"{title}; {nothing}", pd.DataFrame())
    beyond = hits.loc[hits["q_adj_comp"] <= ASSOCIATED, "feature"].nunique()
    answer = (
        f"{title}; {nothing}; {words.count(hits['feature'].nunique(), 'feature')} associated with it"
        f" (q ≤ {ASSOCIATED:g}), {beyond:,} beyond composition"
    )
    table = pd.DataFrame(
        {
            "feature": hits["feature"],
            "annotation": [label(a, s) for a, s in zip(hits["annotation"], hits["strand"], strict=True)],
            "log2 fold": hits["log2_fold"],
            "q": hits["q"],
            "q beyond composition": hits["q_adj_comp"],
            "intervals": hits["n_intervals"],
        }
    )
    return Found(answer, table)


def _annotation(run: Run, question: str) -> Found | None:
    """Features of every class whose name holds the words, weak evidence included."""
    names = run.table("names")
    word = question.lower().removeprefix("concept:").strip().replace("_", " ")
    kinds = {str(k) for k in run.genomes.annotations()["kind"].unique()}
    if names is not None:
        kinds |= set(names["annotation"])
    matching = sorted(k for k in kinds if word in k.lower().replace("_", " ") or word in words.kind(k).lower())
    if not matching or not word:
        return None
    title = f"{question}: annotation {words.listing(matching, 12)}"
    if names is None:
        return Found(f"{title}; {run.absent('names')}", pd.DataFrame())
    rows = names[names["annotation"].isin(matching)]
    if rows.empty:
        return _associated(run, matching, title)
    order = rows["grade"].map({"strong": 0, "moderate": 1, "weak": 2})
    rows = rows.assign(order=order, own=rows["rank"] != 0)
    rows = rows.sort_values(["order", "own", "f1_domain", "q"], ascending=[True, True, False, True], kind="stable")
    table = pd.DataFrame(
        {
            "feature": rows["feature"],
            "annotation": [label(a, s) for a, s in zip(rows["annotation"], rows["strand"], strict=True)],
            "grade": rows["grade"],
            "evidence": rows["evidence"],
            "F1": rows["f1_domain"],
            "MCC": rows["mcc"],
            "q": rows["q"],
            "top windows": rows["top_share"],
            "checks that hold": [
                f"{s} of {n}" if n else "not checked" for s, n in zip(rows["n_survived"], rows["n_checks"], strict=True)
            ],
        }
    )
    return Found(f"{title}; {words.count(rows['feature'].nunique(), 'feature')}", table)
