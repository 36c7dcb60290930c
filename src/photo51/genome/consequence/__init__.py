"""What a variant does to the transcripts it lies in, in terms of the Sequence Ontology.

| consequence | meaning |
|---|---|
| `transcript_ablation` | every base of a transcript's exons is gone |
| `splice_acceptor`, `splice_donor` | the last, or first, two bases of an intron are others |
| `stop_gained` | a codon becomes a stop; of a frameshift, its first other amino acid |
| `frameshift` | bases come or go, no multiple of three |
| `stop_lost` | the stop codon is none any more |
| `start_lost` | the first codon is no start codon of the genetic code any more |
| `inframe_insertion`, `inframe_deletion` | amino acids come or go |
| `missense` | another amino acid |
| `splice_region` | the last three bases of an exon beside an intron, and bases 3 to 8 of the intron |
| `start_retained`, `stop_retained`, `synonymous` | the same start, stop or amino acid |
| `5_prime_UTR`, `3_prime_UTR` | bases of a coding transcript's exons before, and behind, its CDS |
| `rRNA`, `tRNA`, `ncRNA` | exons of a transcript that codes for nothing |
| `pseudogene`, `intron` | in a broken gene; spliced out |
| `control_region` | in a D-loop or control region |
| `coding_unknown` | codons that cannot be told: ambiguous bases, incomplete codons, a change where the ribosome slips |
| `intergenic` | elsewhere |

In this order, which is Ensembl's ranking, save that a change that can be told outranks `coding_unknown`. Where start
or stop codon goes together with the frame, the lost codon is named. Each transcript that a variant touches has a row,
and one is chosen (`consequences`). The CDS is edited, spliced and read again: an insertion that restores the start
codon loses none. Of the ways in which an insertion or deletion in a repeat may be written, the one that disturbs least
is judged. Splice sites are those of introns of at least 10 bases in mRNA and ncRNA; tRNA and rRNA are spliced by other
means. Which codons start is said in `genetic_code`.

Start reading at `run.consequences`; `judge.effect` judges one change in one transcript.
"""

from photo51.genome.consequence.alleles import change_of, normalised, trimmed
from photo51.genome.consequence.code import Code, genetic_code
from photo51.genome.consequence.hgvs import genomic, is_mitochondrion
from photo51.genome.consequence.models import letters_of
from photo51.genome.consequence.run import consequences
from photo51.genome.consequence.terms import ORDER, Effect

__all__ = [
    "ORDER",
    "Code",
    "Effect",
    "change_of",
    "consequences",
    "genetic_code",
    "genomic",
    "is_mitochondrion",
    "letters_of",
    "normalised",
    "trimmed",
]
