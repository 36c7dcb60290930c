"""Tables of the genome stage."""

from photo51.io.tables import Column, TableSpec

_WHERE = {
    "genome": Column("str", "genome of the run (row of genomes.tsv)"),
    "chrom": Column("str", "contig, as named in the sequence file"),
    "start": Column("int", "first base, 0-based"),
    "end": Column("int", "one past the last base (half-open)"),
}

SEQUENCES = TableSpec(
    "sequences",
    "one contig of one genome, as far as its sequence says",
    {
        "genome": _WHERE["genome"],
        "chrom": _WHERE["chrom"],
        "length": Column("int", "bases"),
        "circular": Column("bool", "whether the last base is followed by the first"),
        "n_ambiguous": Column("int", "bases that are not A, C, G or T"),
        "n_soft_masked": Column("int", "lower-case bases of the sequence file"),
        "sha256": Column("str", "SHA-256 of the upper-case sequence"),
        "n_scored": Column(
            "int", "scored bases; 0 where nothing was asked for or the contig is too short", required=False
        ),
    },
)

CONTIGS = TableSpec(
    "contigs",
    "one contig of one genome",
    {**SEQUENCES.columns, "genetic_code": Column("int", "NCBI translation table")},
)

ANNOTATIONS = TableSpec(
    "annotations",
    "one annotated interval",
    {
        **_WHERE,
        "strand": Column("str", "+, - or . (no strand)"),
        "kind": Column("str", "annotation class, for instance CDS, tRNA, start_codon"),
        "name": Column("str", "gene symbol, locus tag or identifier; empty where there is none"),
        "group": Column(
            "str", "joins the intervals of one feature (exons of a CDS, parts on either side of an origin)"
        ),
        "part": Column("int", "number of the interval within its feature, in reading direction, from 0"),
        "frame": Column(
            "int",
            "for CDS: bases to skip before the first complete codon, in reading direction (0, 1, 2); else -1",
        ),
        "score": Column("float", "score of the file or rule, in the rule's unit; NaN where there is none"),
        "note": Column("str", "product or note of the record; empty where there is none"),
        "source": Column("str", "file or rule the interval comes from"),
    },
)

WORKSPACE = TableSpec(
    "workspace",
    "one segment of scored bases; segments of one block are concatenated",
    {
        **_WHERE,
        "block": Column("int", "block: the unit that is rotated by the null, and that lies wholly in one split"),
        "split": Column("str", "train, select or test"),
        "offset": Column("int", "row of the segment's first base on the workspace axis"),
    },
)

WINDOWS = TableSpec(
    "windows",
    "one window the model reads in one direction; its core is emitted, its warm-up is not",
    {
        "window": Column("int", "number of the window"),
        **_WHERE,
        "strand": Column("str", "direction of reading: + or -"),
        "warmup": Column("int", "bases read before the core, in reading direction"),
        "row": Column("int", "workspace row of the core's first base (lowest coordinate)"),
        "block": Column("int", "block of the workspace"),
        "split": Column("str", "train, select or test"),
        "shard": Column("int", "shard of the extraction: consecutive rows, both strands"),
        "cold_start": Column("bool", "whether there was less warm-up to read than asked for"),
    },
)

VARIANTS = TableSpec(
    "variants",
    "one alternative allele; columns of the file that are not named here follow as text",
    {
        "chrom": _WHERE["chrom"],
        "pos": Column("int", "first base of `ref`, 0-based"),
        "ref": Column("str", "reference allele on the forward strand, upper case, never empty"),
        "alt": Column("str", "alternative allele on the forward strand, upper case, never empty"),
        "id": Column("str", "identifier of the file, or chrom:pos:ref>alt with a 1-based position"),
        "line": Column("int", "line of the file"),
    },
)

REFUSED_VARIANTS = TableSpec(
    "refused_variants",
    "one allele that was read and is not used, with the reason",
    {**VARIANTS.columns, "reason": Column("str", "why it is not used")},
)

CONSEQUENCES = TableSpec(
    "consequences",
    "one variant in one transcript, or in none",
    {
        "variant": Column("int", "row of the variants table"),
        "gene": Column("str", "name of the gene or RNA; empty where the variant lies in none"),
        "transcript": Column("str", "what the file calls the transcript, else its identifier; empty in none"),
        "strand": Column("str", "strand of the transcript's first exon, or ."),
        "consequence": Column("str", "what the change does there, see photo51.genome.consequence"),
        "codon": Column("int", "number of the first codon that changes, from 1; 0 where none does"),
        "codon_position": Column("int", "1, 2 or 3: place of a substituted base in its codon; 0 otherwise"),
        "ref_aa": Column("str", "amino acids of the touched codons before the change; * is a stop"),
        "alt_aa": Column("str", "amino acids of the touched codons after the change"),
        "hgvs_p": Column("str", "change of the protein in HGVS notation; empty where it cannot be told"),
        "hgvs_c": Column(
            "str",
            "change of the transcript in HGVS notation (c., or n. where nothing is coded); empty where it lies in none",
        ),
        "worst": Column("bool", "whether this is the row that stands for the variant (one row a variant)"),
    },
)

TRANSCRIPTS = TableSpec(
    "transcripts",
    "one part of one transcript: an exon, or the coding bases of an exon",
    {
        **_WHERE,
        "strand": Column("str", "strand of this part, + or -; parts of one transcript may differ (trans-splicing)"),
        "kind": Column("str", "exon or CDS; bases of exons that are in no CDS part are untranslated"),
        "transcript": Column("str", "identifier of the transcript, unique within the genome"),
        "transcript_name": Column("str", "what the file calls it; empty where it has no name"),
        "gene": Column("str", "identifier of the gene, unique within the genome"),
        "gene_name": Column("str", "gene symbol, else locus tag, else identifier: one for all that belongs to a gene"),
        "biotype": Column(
            "str",
            "protein_coding, tRNA, rRNA, ncRNA or pseudogene; empty for exons alone of which the file says nothing",
        ),
        "part": Column("int", "place of the part in reading order among the parts of its kind, from 0"),
        "frame": Column("int", "for CDS: bases of this part to skip before its first complete codon; else -1"),
        "genetic_code": Column("int", "NCBI translation table"),
        "partial_5": Column("bool", "whether the file says that the CDS begins before its first part"),
        "partial_3": Column("bool", "whether the file says that the CDS ends after its last part"),
        "recoded": Column(
            "str",
            "codons read against the table, as codon:amino acid from 1, parted by ;: 47:U for selenocysteine",
        ),
        "where": Column("str", "file and line of its first record"),
    },
)

READING = TableSpec(
    "reading",
    "what became of the records of a genome's files, and how its coding sequences translate",
    {
        "genome": _WHERE["genome"],
        "file": Column("str", "file; empty for what holds of the genome"),
        "outcome": Column(
            "str",
            "read, used, left out, noted (used, but unusual), or CDS (coding sequences of which it holds)",
        ),
        "reason": Column("str", "why it was left out, what is unusual, or what holds"),
        "count": Column("int", "records, or coding sequences"),
        "first": Column("str", "file and line of the first of them"),
    },
)
