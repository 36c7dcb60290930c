import numpy as np
import pytest

from photo51.genome.alphabet import decode
from photo51.genome.formats.fasta import read_fasta, record
from photo51.genome.formats.pieces import assemble
from photo51.types import InputError


def test_pieces_lie_where_their_names_say():
    (whole,) = assemble([record("c:7-9", "acg"), record("c:2-4", "TTA")], "x.fa", 12)
    assert (whole.name, decode(whole.ids)) == ("c", "NTTANNACGNNN")
    assert whole.soft_masked.tolist() == [[6, 9]]
    (short,) = assemble([record("c:7-9", "acg")], "x.fa")
    assert decode(short.ids) == "NNNNNNACG"


def test_the_tuberculosis_loci_are_in_h37rv_coordinates(resources):
    (whole,) = assemble(read_fasta(resources / "tb_amr" / "H37Rv_loci.fa.gz"), "loci", 4_411_532)
    known = whole.ids != ord("N")
    assert (len(whole.ids), int(known.sum())) == (4_411_532, 204_815)
    # rpoB S450L is the change of the middle base of TCG at 761,154-761,156 (1-based)
    assert decode(whole.ids[761_153:761_156]) == "TCG"
    # katG is on strand - and starts with GTG: its reading ends at 2,156,111
    assert decode(whole.ids[2_156_108:2_156_111]) == "CAC"
    assert np.array_equal(np.unique(whole.ids[known]), np.frombuffer(b"ACGT", dtype=np.uint8))


@pytest.mark.parametrize(
    ("pieces", "length", "words"),
    [
        ([("c", "ACG")], None, "record 'c': need a piece named chrom:start-end"),
        ([("c:2-5", "ACG")], None, "need 4 bases as its name says, got 3"),
        ([("c:0-2", "ACG")], None, "need 3 bases as its name says"),
        ([("c:1-3", "ACG"), ("c:3-5", "ACG")], None, "pieces that do not overlap, got one before base 3"),
        ([("c:1-3", "ACG")], 2, "need a length of at least 3 for 'c', got 2"),
        (
            [("c:1-3", "ACG"), ("d:1-3", "ACG")],
            9,
            "need pieces of one chromosome where a length is stated, got 2",
        ),
        ([("c:9999999999998-10000000000000", "ACG")], None, "need places up to base 2,147,483,647"),
    ],
)
def test_errors_name_the_record(pieces, length, words):
    with pytest.raises(InputError) as e:
        assemble([record(*p) for p in pieces], "x.fa", length)
    assert words in str(e.value)
