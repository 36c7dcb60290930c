"""The one rule set that turns records of annotation files into annotation classes.

`RULES` says for each class what it is and where it comes from; `kind_of` applies the part of it that is about the
types of records. Classes that a rule predicts from sequence end in `_predicted`. A record of a type that no rule names
becomes a class of that type, so that nothing of a user's file is lost; `IGNORED` types are structure of the files
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from photo51.genome.annotation.features import Feature
from photo51.types import Strand


class AnnotationRule(NamedTuple):
    """A class of annotation: its name, what is in it, and where it comes from."""

    kind: str
    rule: str
    source: str


class Row(NamedTuple):
    """An annotated interval of one contig: the columns of `ANNOTATIONS` after genome and chrom.

    `chrom` is empty but for a part that lies on another contig than the transcript it belongs to.
    """

    start: int
    end: int
    strand: Strand
    kind: str
    name: str = ""
    group: str = ""
    part: int = 0
    frame: int = -1
    score: float = float("nan")
    note: str = ""
    source: str = ""
    chrom: str = ""


_FILE = "record type"
_RULE = "rule"
RULES: tuple[AnnotationRule, ...] = (
    AnnotationRule("gene", "gene records without pseudo; where a contig has none, the span of each CDS and RNA", _FILE),
    AnnotationRule("pseudogene", "pseudogene records, and genes marked pseudo", _FILE),
    AnnotationRule("CDS", "CDS records that are not pseudo, an interval an exon, with its frame", _FILE),
    AnnotationRule(
        "codon_position_1",
        "first bases of codons; and so codon_position_2, codon_position_3",
        "CDS and frame",
    ),
    AnnotationRule("start_codon", "first three bases of a complete CDS of frame 0", "CDS"),
    AnnotationRule("stop_codon", "last three bases of a complete CDS that are a stop codon in its genetic code", "CDS"),
    AnnotationRule("gene_start", "bases at most `boundary` from a gene's 5' end, to either side", "gene"),
    AnnotationRule("gene_end", "bases at most `boundary` from a gene's 3' end, to either side", "gene"),
    AnnotationRule("tRNA", "tRNA records, or genes of that biotype", _FILE),
    AnnotationRule("rRNA", "rRNA records, or genes of that biotype", _FILE),
    AnnotationRule("ncRNA", "records of any other RNA that is not translated (ncRNA, tmRNA, snoRNA, …)", _FILE),
    AnnotationRule("operon", "operon records", _FILE),
    AnnotationRule(
        "operon_predicted",
        "two or more neighbouring genes of one strand at most `operon_gap` apart (Salgado et al. 2000,"
        " doi:10.1073/pnas.110147297)",
        _RULE,
    ),
    AnnotationRule("operon_start", "bases at most `boundary` from the 5' end of an operon record", "operon"),
    AnnotationRule(
        "operon_start_predicted",
        "the same of the first gene of a transcription unit, single genes included",
        _RULE,
    ),
    AnnotationRule("promoter", "promoter records", _FILE),
    AnnotationRule(
        "promoter_predicted",
        "best sigma-70 -35 and -10 boxes upstream of a transcription unit (Lisser and Margalit 1993,"
        " doi:10.1093/nar/21.7.1507)",
        _RULE,
    ),
    AnnotationRule("rbs", "ribosome-binding site records", _FILE),
    AnnotationRule(
        "rbs_predicted",
        "bases 4 to 14 before a start codon that pair with the end of 16S rRNA (Shine and Dalgarno 1974,"
        " doi:10.1073/pnas.71.4.1342)",
        _RULE,
    ),
    AnnotationRule("terminator", "terminator records", _FILE),
    AnnotationRule(
        "terminator_predicted",
        "a GC-rich hairpin and a T-tract after a stop codon (d'Aubenton Carafa et al. 1990,"
        " doi:10.1016/s0022-2836(99)80005-9)",
        _RULE,
    ),
    AnnotationRule("TFBS", "records of transcription factor or protein binding sites", _FILE),
    AnnotationRule(
        "TFBS:<motif>",
        "matches of a motif of a MEME file at chance `motif_p` a position",
        "scan of a user's file",
    ),
    AnnotationRule("repeat", "repeat records that are not CRISPR", _FILE),
    AnnotationRule("mobile_element", "mobile elements, insertion sequences, transposons", _FILE),
    AnnotationRule("prophage", "prophage records, and features whose note says so", _FILE),
    AnnotationRule("CRISPR", "CRISPR arrays; their CRISPR_repeat and CRISPR_spacer are classes of their own", _FILE),
    AnnotationRule("intergenic", "known bases in no gene, pseudogene, CDS or RNA", "complement"),
    AnnotationRule("exon", "exons of transcripts that have two or more", _FILE),
    AnnotationRule("intron", "bases between the exons of a transcript", "exon"),
    AnnotationRule("splice_donor", "first two bases of an intron, in reading direction", "intron"),
    AnnotationRule("splice_acceptor", "last two bases of an intron, in reading direction", "intron"),
    AnnotationRule("D_loop", "D-loop and control region records", _FILE),
    AnnotationRule("origin", "origins of replication", _FILE),
    AnnotationRule("soft_mask", "lower-case bases of a FASTA file", "sequence"),
    AnnotationRule(
        "homopolymer_A",
        "runs of at least `homopolymer` A as the strand reads them, so that a run of T is one on strand -; "
        "and so homopolymer_C, homopolymer_G, homopolymer_T",
        "sequence",
    ),
    AnnotationRule(
        "gc_low",
        "tiles of `gc_window` bases with the lowest GC content, `gc_quantile` of a genome",
        "sequence",
    ),
    AnnotationRule("gc_high", "tiles with the highest, likewise", "sequence"),
)

IGNORED = frozenset(
    [
        "region",
        "source",
        "mrna",
        "transcript",
        "primary_transcript",
        "chromosome",
        "contig",
        "supercontig",
        "scaffold",
        "biological_region",
        "gap",
        "assembly_gap",
        "variation",
        "conflict",
        "old_sequence",
        "misc_difference",
        "misc_feature",
        "sequence_feature",
        "unsure",
        "modified_base",
        "v_gene_segment",
        "c_gene_segment",
        "d_gene_segment",
        "j_gene_segment",
        "primer_bind",
        "sts",
    ]
)
_KINDS: dict[str, str] = {
    "gene": "gene",
    "protein_coding_gene": "gene",
    "ncrna_gene": "gene",
    "pseudogene": "pseudogene",
    "pseudogenic_transcript": "pseudogene",
    "cds": "CDS",
    "trna": "tRNA",
    "rrna": "rRNA",
    "operon": "operon",
    "promoter": "promoter",
    "rbs": "rbs",
    "ribosome_entry_site": "rbs",
    "shine_dalgarno_sequence": "rbs",
    "ribosome_binding_site": "rbs",
    "terminator": "terminator",
    "transcription_terminator": "terminator",
    "tf_binding_site": "TFBS",
    "tfbs": "TFBS",
    "protein_bind": "TFBS",
    "protein_binding_site": "TFBS",
    "operator": "TFBS",
    "mobile_element": "mobile_element",
    "mobile_genetic_element": "mobile_element",
    "transposable_element": "mobile_element",
    "insertion_sequence": "mobile_element",
    "transposon": "mobile_element",
    "prophage": "prophage",
    "proviral_region": "prophage",
    "crispr": "CRISPR",
    "crispr_array": "CRISPR",
    "d_loop": "D_loop",
    "control_region": "D_loop",
    "origin_of_replication": "origin",
    "rep_origin": "origin",
    "orit": "origin",
    "start_codon": "start_codon",
    "stop_codon": "stop_codon",
    "exon": "exon",
    "intron": "intron",
    "five_prime_utr": "five_prime_UTR",
    "5'utr": "five_prime_UTR",
    "three_prime_utr": "three_prime_UTR",
    "3'utr": "three_prime_UTR",
}
# Files give these a strand because their format asks for one
UNSTRANDED = frozenset({"prophage", "D_loop", "origin"})
_NCRNA = ("rna",)
_REPEAT = ("repeat", "repeat_region", "repeat_unit", "satellite")


_ROLES = {
    "exon": "exon",
    "pseudogenic_exon": "exon",
    "noncoding_exon": "exon",
    "coding_exon": "exon",
    "non_coding_exon": "exon",
    "cds": "CDS",
    "cds_fragment": "CDS",
    "edited_cds": "CDS",
    "utr": "UTR",
    "five_prime_utr": "UTR",
    "three_prime_utr": "UTR",
    "5utr": "UTR",
    "3utr": "UTR",
    "5'utr": "UTR",
    "3'utr": "UTR",
    "5'_utr": "UTR",
    "3'_utr": "UTR",
    "five_prime_noncoding_exon": "UTR",
    "utr5": "UTR",
    "utr3": "UTR",
    "three_prime_noncoding_exon": "UTR",
    "stop_codon": "stop",
    "stop": "stop",
    "start_codon": "start",
    "start": "start",
    "selenocysteine": "U",
    "stop_codon_redefined_as_selenocysteine": "U",
    "stop_codon_redefined_as_pyrrolysine": "O",
    "pyrrolysine": "O",
    "intron": "intron",
}
_NO_TRANSCRIPT = frozenset({"precursor_rna_part", "rna_motif", "rna_hook_turn"})


def role_of(kind: str) -> str:
    """What a type of record is in a gene: gene, transcript, one of its pieces (exon, CDS, UTR, start, stop, intron, or
    the letter of a recoded codon), or other.
    """
    low = kind.strip().lower().replace("-", "_").replace(" ", "_")
    if low in _ROLES:
        return _ROLES[low]
    if low == "gene" or low.endswith(("_gene", "pseudogene")) or low == "transposable_element_gene":
        return "gene"
    if low in {"transcript", "primary_transcript", "prim_transcript", "mirna_primary_transcript"}:
        return "transcript"
    if low.endswith(("rna", "_transcript", "_gene_segment", "_transcript_variant")) and low not in _NO_TRANSCRIPT:
        return "transcript"
    return "transcript" if low in {"c_region", "v_segment", "d_segment", "j_segment", "v_region"} else "other"


def kind_of(feature: Feature) -> str | None:
    """Annotation class of a record; None for one that is structure of the file or a broken CDS."""
    kind = feature.type.strip().replace("-", "_").replace(" ", "_")
    low = kind.lower()
    a = feature.attributes
    text = _words(a)
    if low == "regulatory":
        low = a.get("regulatory_class", "").replace("-", "_").lower()
        kind = low or "regulatory"
    if low in {"gene", "cds"} and is_pseudo(a):
        return "pseudogene" if low == "gene" else None
    if low in _KINDS:
        return _KINDS[low]
    if low in {"misc_feature", "sequence_feature"}:
        return _of_note(text)
    if low in IGNORED:
        return None
    if low.startswith("crispr"):
        return "CRISPR" if low.endswith("array") else kind
    if low.endswith(_NCRNA):
        return "ncRNA"
    if low in _REPEAT or low.endswith("_repeat"):
        return "CRISPR" if "crispr" in text else "repeat"
    return kind


def _of_note(text: str) -> str | None:
    if "prophage" in text:
        return "prophage"
    return "D_loop" if "d-loop" in text or "control region" in text else None


def is_pseudo(attributes: Mapping[str, str]) -> bool:
    """Whether a record says that its gene is broken, by INSDC's /pseudo and /pseudogene or by its biotype."""
    pseudo = attributes.get("pseudo", "false").lower() not in {"false", "no", "0", "."}
    broken = attributes.get("pseudogene", "").lower() not in {"", "false", "no", "none", "."}
    return pseudo or broken or "pseudogene" in biotype(attributes).lower()


def is_transposon(kind: str) -> bool:
    """Whether a type or biotype is that of a gene of a transposable element."""
    return kind.lower() in {"transposable_element_gene", "transposable_element", "transposon"}


def biotype(attributes: Mapping[str, str]) -> str:
    """What kind of gene a record says that it is; empty where it does not."""
    return attributes.get("gene_biotype") or attributes.get("gene_type") or attributes.get("biotype") or ""


def _words(attributes: Mapping[str, str]) -> str:
    keys = ("Note", "note", "rpt_family", "rpt_type", "Name", "product")
    return " ".join(attributes.get(k, "") for k in keys).lower()


def rows_of(feature: Feature, kind: str, source: str) -> list[Row]:
    """The intervals of a placed feature as rows of a class; frames are kept for CDS alone."""
    a = feature.attributes
    note = a.get("product") or a.get("Note") or a.get("note") or a.get("function") or ""
    element = (a.get("mobile_element_type") or a.get("mobile_element") or "").rpartition(":")[2]
    name = element or (a.get("Note") if kind == "repeat" else None) or feature.name
    return [
        Row(
            start=p.start,
            end=p.end,
            strand="." if kind in UNSTRANDED else p.strand,
            kind=kind,
            name=name,
            group=feature.group,
            part=i,
            frame=p.frame if kind == "CDS" else -1,
            score=feature.score,
            note=note,
            source=source,
            chrom=p.chrom,
        )
        for i, p in enumerate(feature.parts)
    ]
