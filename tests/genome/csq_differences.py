"""Where photo51 and `bcftools csq` (1.16) answer otherwise, and why: the only differences that the comparison allows."""

from edit_splice_translate import GRAVITY, NOTHING

# (what photo51 says, one of the terms that bcftools says, for which kinds of change): the reason
REASONS = {
    "the edge of the CDS is crossed: bcftools does not read the result, photo51 does": (
        lambda mine, theirs, kind: bool(theirs & {"coding_sequence", "5_prime_UTR", "3_prime_UTR"})
        and mine in {"start_lost", "stop_lost", "start_retained", "stop_retained", "frameshift", "inframe_deletion", "inframe_insertion",
                     "stop_gained", "missense", "transcript_ablation", "5_prime_UTR", "3_prime_UTR"}
        and kind != "snv"
    ),
    "start or stop codon re-read: what comes restores it, or is one": (
        lambda mine, theirs, kind: kind != "snv"
        and bool((theirs | {mine}) & {"start_retained", "stop_retained", "start_lost", "stop_lost"})
    ),
    "an indel in a repeat or at an exon's edge: photo51 judges the placement that disturbs least, bcftools the one written": (
        lambda mine, theirs, kind: kind in {"ins", "del"} and bool(theirs) and mine in GRAVITY and GRAVITY.index(mine) > min(map(GRAVITY.index, theirs))
    ),
    "an insertion beside an intron: bcftools looks at the splice site alone, photo51 at the exon too": (
        lambda mine, theirs, kind: kind == "ins" and bool(theirs & {"splice_region", "splice_acceptor", "splice_donor"})
    ),
    "a stop behind another amino acid in one change: photo51 says stop_gained as Ensembl does": (
        lambda mine, theirs, kind: mine == "stop_gained" and kind != "snv"
    ),
    "several bases across a splice site: photo51 counts any that changes, bcftools trims": (
        lambda mine, theirs, kind: kind in {"mnv", "delins", "del"} and mine in {"splice_acceptor", "splice_donor", "splice_region"}
    ),
    "several bases beside an intron: bcftools counts those that stay as they are, or reads the exon as far as the record reaches": (
        lambda mine, theirs, kind: kind in {"mnv", "delins"} and bool(theirs & {"splice_region", "splice_acceptor", "splice_donor"})
    ),
    "a stop behind the first other amino acid of a shifted frame: photo51 says frameshift": (
        lambda mine, theirs, kind: mine == "frameshift" and "stop_gained" in theirs
    ),
    "a start codon parted by an intron: bcftools does not see that it is lost": (
        lambda mine, theirs, kind: mine == "start_lost" and {"missense", "splice_region"} <= theirs
    ),
    "the stop codon lies where it lay, made of other bases: no stop is gained": (
        lambda mine, theirs, kind: mine in {"inframe_deletion", "inframe_insertion"} and "stop_gained" in theirs
    ),
    "bases come or go beside the transcript or its CDS: bcftools counts the base that VCF writes before them": (
        lambda mine, theirs, kind: mine in {NOTHING, "start_retained", "stop_retained", "5_prime_UTR", "3_prime_UTR"}
        and kind in {"ins", "del"}
    ),
}  # fmt: skip


def gravest(terms):
    """Of bcftools' terms the one that photo51 would name: a lost start or stop stands before the frame."""
    known = [t for t in terms if t in GRAVITY]
    lost = [t for t in known if t in {"start_lost", "stop_lost"}]
    if lost and "frameshift" in known:
        known = [t for t in known if t != "frameshift"]
    return min(known, key=GRAVITY.index) if known else NOTHING


def kind_of(ref, alt):
    """snv, mnv, ins, del or delins, without the bases that both alleles share."""
    while ref and alt and ref[0] == alt[0]:
        ref, alt = ref[1:], alt[1:]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    if len(ref) == len(alt):
        return "snv" if len(ref) == 1 else "mnv"
    return "delins" if ref and alt else "del" if ref else "ins"


def reason(mine, theirs, kind):
    """Why they differ; empty where nothing explains it."""
    known = {t for t in theirs if t in GRAVITY or t == "coding_sequence"}
    for text, holds in REASONS.items():
        terms = known - {"coding_sequence"} if "placement" in text else known
        if holds(mine, terms, kind):
            return text
    return ""
