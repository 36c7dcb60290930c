"""Numbers and names as a reader wants them: rounded to what is known, with their unit."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TypeGuard

MINUS, TIMES, THIN = "\u2212", "\u00d7", "\u202f"
_SUPERSCRIPT = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
ABSENT = "not measured"

KINDS = {
    "5_prime_UTR": "5′ untranslated region",
    "3_prime_UTR": "3′ untranslated region",
    "transcript_ablation": "whole transcript deleted",
    "coding_unknown": "coding, effect unknown",
    "CDS": "coding sequence",
    "codon_position_1": "first codon position",
    "codon_position_2": "second codon position",
    "codon_position_3": "third codon position",
    "rbs": "ribosome-binding site",
    "rbs_predicted": "ribosome-binding site (predicted)",
    "promoter_predicted": "promoter (predicted)",
    "terminator_predicted": "terminator (predicted)",
    "operon_predicted": "operon (predicted)",
    "operon_start_predicted": "operon start (predicted)",
    "TFBS": "transcription-factor site",
    "gc_high": "GC-rich segment",
    "gc_low": "AT-rich segment",
    "homopolymer_A": "run of A",
    "homopolymer_C": "run of C",
    "homopolymer_G": "run of G",
    "homopolymer_T": "run of T",
    "soft_mask": "soft-masked repeat",
    "D_loop": "D-loop",
    "origin": "origin of replication",
    # what coordinates are held against
    "codon_phase": "reading-frame phase",
    "position_along_gene": "position along the gene",
    "distance_from_start": "distance from the start of the gene",
    "distance_to_stop": "distance to the end of the gene",
    "hydropathy": "hydropathy of the amino acid",
    "replication_angle": "place around the chromosome, from the origin",
    "leading_strand": "leading or lagging strand",
    "gene_strand": "sense or antisense of a gene",
    "distance_to_splice_donor": "distance to a splice donor",
    "distance_to_splice_acceptor": "distance to a splice acceptor",
    "gc_line": "GC content on a line",
    "strand_pairs": "strand pairs",
    # shapes of groups
    "loop": "ring",
    "arc": "line",
    "branched": "branched line",
    "states": "separate states",
    "blob": "cloud",
}
MEASURES = {
    "gc": "GC content",
    "base_A": "share of A",
    "base_C": "share of C",
    "base_G": "share of G",
    "base_T": "share of T",
    "homopolymer": "share in homopolymers",
    "longest_run": "longest homopolymer",
    "repeats": "repeated 12-mers",
    "entropy": "3-mer entropy",
    "open_frame": "longest open frame",
    "orf_share": "share in open reading frames",
    "period3": "periodicity of 3 bases",
    "trna": "tRNA genes",
}
READINGS = {"sense": "", "antisense": ", antisense", "either": ""}
WEAK_NAMES = {"held-out concept": "like ", "exact null": "enriched in ", "top windows": "strongest in "}  # by evidence
_WINDOW = re.compile(r"(gc|gc_skew)_(\d+)$")


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def number(value: float | None, digits: int = 3) -> str:
    """A number to so many significant digits: 1,234,567 · 0.0123 · 3.1 × 10⁻⁷; `not measured` where there is none."""
    if value is None or not math.isfinite(value):
        return ABSENT
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 999.5 or (float(value).is_integer() and size >= 1):  # what rounds to 1,000 has its comma
        return f"{value:,.0f}".replace("-", MINUS)
    if size < 1e-3:
        mantissa, exponent = f"{value:.{max(digits - 2, 0)}e}".split("e")
        power = str(int(exponent)).translate(_SUPERSCRIPT)
        return f"{mantissa.replace('-', MINUS)}{THIN}{TIMES}{THIN}10{power}"
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    return f"{value:.{decimals}f}".replace("-", MINUS)


def fixed(value: float | None, decimals: int = 2) -> str:
    """A number with so many decimals, for columns whose points should line up."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return _minus(f"{value:,.{decimals}f}")


def _minus(text: str) -> str:
    """A formatted number with a true minus sign; what was rounded to zero has none."""
    return text.replace("-", MINUS) if text.strip("+-0.,") else text.lstrip("+-")


def signed(value: float | None, decimals: int = 2) -> str:
    """A number with its sign: +0.03, −0.12."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return _minus(f"{value:+.{decimals}f}")


def percent(share: float | None, decimals: int = 1) -> str:
    """A share of one as a percentage; what is less than all or more than nothing is not rounded to all or nothing."""
    if share is None or not math.isfinite(share):
        return ABSENT
    if 0 < abs(share) < 10 ** -(decimals + 2):
        return f"{number(100 * share, 2)}{THIN}%"
    text = _minus(f"{100 * share:.{decimals}f}")
    if share < 1 and text == f"{100:.{decimals}f}":
        return f"> {100 - 10**-decimals:.{decimals}f}{THIN}%"
    return f"{text}{THIN}%"


def chance(value: float) -> str:
    """A probability as a percentage without decimals that is never said to be 0 % or 100 % where it is not."""
    return f"< 1{THIN}%" if 0 < value < 0.01 else f"> 99{THIN}%" if 0.99 < value < 1 else percent(value, 0)


def limits_95(low: float | None, high: float | None, *, difference: bool = False) -> str:
    """A 95 % interval in words; differences with their sign; that there is none where it was not measured."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return "no 95 % interval"
    return f"95 %: {signed(low)} to {signed(high)}" if difference else f"95 %: {fixed(low)}–{fixed(high)}"


def share(value: float | None, digits: int = 3) -> str:
    """A share of one as a percentage with so many significant digits: 29.9 %, 0.0690 %."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return f"{number(100 * value, digits)}{THIN}%"


def probability(value: float | None) -> str:
    """A p-value or q-value; one below double precision is said to be so, never 0."""
    if value is None or not math.isfinite(value):
        return ABSENT
    if value <= 0:
        return f"< 10{'-300'.translate(_SUPERSCRIPT)}"
    return f"{value:.2f}" if value >= 0.095 else f"{value:.3f}" if value >= 0.001 else number(value, 2)


def bases(n: float) -> str:
    """A length in bases: 812 bases, 48.5 kb, 4.64 Mb."""
    if n == 1:
        return f"1{THIN}base"
    if n < 10_000:
        return f"{number(n)}{THIN}bases"
    return f"{n / 1000:.1f}{THIN}kb" if n < 999_950 else f"{n / 1_000_000:.2f}{THIN}Mb"


def duration(seconds: float) -> str:
    """A time: 0.4 s, 51 s, 12 min 5 s, 3 h 20 min."""
    if seconds < 10:
        return f"{seconds:.1f}{THIN}s"
    if seconds < 60:
        return f"{seconds:.0f}{THIN}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{THIN}min {rest}{THIN}s"
    return f"{minutes // 60}{THIN}h {minutes % 60}{THIN}min"


def count(n: int, singular: str, plural: str = "") -> str:
    """A number with its noun: 1 genome, 3 genomes, no genome."""
    if n == 0:
        return f"no {singular}"
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def listing(words: Sequence[str], at_most: int = 6) -> str:
    """Words as a sentence lists them, the rest counted: a, b and 3 more."""
    shown, rest = list(words[:at_most]), len(words) - at_most
    if rest > 0:
        shown.append(f"{rest} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def place(chrom: str, start: int, end: int, strand: str = "") -> str:
    """A locus as genome browsers print it: 1-based, both ends included; a single base by its number alone."""
    span = f"{start + 1:,}" if end - start == 1 else f"{start + 1:,}-{end:,}"
    return f"{chrom}:{span}" + (f" ({strand.replace('-', MINUS)})" if strand in {"+", "-"} else "")


def kind(name: str) -> str:
    """An annotation class in words; one with a name of its own (`TFBS:lexA`) keeps it."""
    if window := _WINDOW.match(name):
        return f"{'GC content' if window[1] == 'gc' else 'GC skew'} within {int(window[2]):,} bases"
    base, colon, label = name.partition(":")
    base_words = KINDS.get(base, base.replace("_", " "))
    return f"{base_words} {label}" if colon else base_words


def read_as(name: str, strand: str) -> str:
    """An annotation class as it is read, in words: `tRNA, antisense`."""
    return kind(name) + READINGS.get(strand, "")


def called_after(name: str, strand: str, evidence: str, *, named: bool) -> str:
    """What a feature is called after a class as it is read: the name, or what weaker evidence says, as such."""
    return ("" if named else WEAK_NAMES[evidence]) + read_as(name, strand)


def measure(name: str) -> str:
    """A measure of written sequence in words: `gc` is GC content, `motif_TATAAT` motif TATAAT."""
    return MEASURES.get(name, name.replace("_", " "))


def feature_word(number_: int) -> str:
    """A feature as it is called everywhere: f123."""
    return f"f{number_}"
