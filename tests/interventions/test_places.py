"""Variants as papers write them, on contigs made by hand."""

import numpy as np
import pandas as pd
import pytest

from photo51.interventions.places import resolve_place
from photo51.types import InputError, Interval, Variant


class Contigs:
    """A bacterium and a mitochondrion: both circular, both with an A at base 3."""

    def __init__(self):
        self.letters = {("bug", "b1"): "TTACC", ("man", "mt"): "GGAGG", ("man", "chr1"): "GGGGGGGG"}
        self.codes = {"b1": 11, "mt": 2, "chr1": 1}

    @property
    def sequences(self):
        rows = [(g, c, len(s)) for (g, c), s in self.letters.items()]
        return pd.DataFrame(rows, columns=["genome", "chrom", "length"])

    def sequence(self, genome, chrom, start, end):
        return np.frombuffer(self.letters[genome, chrom][start:end].encode(), np.uint8)

    def genetic_code(self, genome, chrom):
        return self.codes[chrom]


@pytest.mark.parametrize(
    ("text", "variant", "genome"),
    [
        ("m.3A>G", Variant("mt", 2, "A", "G"), "man"),
        ("mt:m.3a>g", Variant("mt", 2, "A", "G"), "man"),
        ("g.1T>C", Variant("b1", 0, "T", "C"), "bug"),
        ("b1:g.3A>C", Variant("b1", 2, "A", "C"), "bug"),
        ("g.4GG>A", Variant("chr1", 3, "GG", "A"), "man"),
    ],
)
def test_a_variant_is_on_the_contig_that_has_its_reference(text, variant, genome):
    if text == "g.4GG>A":
        with pytest.raises(InputError, match="man mt, man chr1"):
            resolve_place(Contigs(), text)
        text = f"chr1:{text}"
    assert resolve_place(Contigs(), text) == (variant, genome)


def test_regions_and_variants_with_a_contig_stay_as_they_are():
    assert resolve_place(Contigs(), "chr1:2-4") == (Interval("chr1", 1, 4, "+"), None)
    assert resolve_place(Contigs(), "chr1:2:G>A", "-", "man") == (Variant("chr1", 1, "G", "A"), "man")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("m.3C>G", "need one contig with C at base 3"),
        ("g.3A>G", "got bug b1, man mt"),
        ("m.99A>G", "got none"),
        ("m.3A>A", "two different alleles"),
        ("nowhere:m.3A>G", "got none"),
    ],
)
def test_what_does_not_fit_is_refused_naming_contigs(text, said):
    with pytest.raises(InputError, match=said):
        resolve_place(Contigs(), text)
