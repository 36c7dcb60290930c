import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.genome.axis.homology import homologous_groups, known_canonical_kmers, sketch


def rand(rng, n):
    return rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), n)


@given(st.text("ACGTN", max_size=50), st.integers(11, 31))
def test_canonical_kmers_are_those_of_strings(text, k):
    ids = encode(text)
    expected = set()
    for i in range(len(text) - k + 1):
        word = text[i : i + k]
        if "N" not in word:
            other = decode(reverse_complement(encode(word)))
            # numbers of two bits a base order words as the alphabet does
            expected.add(min(word, other))
    found = known_canonical_kmers(ids, k)
    letters = {"".join("ACGT"[(int(x) >> (2 * (k - 1 - j))) & 3] for j in range(k)) for x in found}
    assert letters == expected


def test_both_strands_have_one_sketch():
    ids = rand(np.random.default_rng(0), 1_500_000)
    assert np.array_equal(sketch(ids, 31), sketch(reverse_complement(ids), 31))


def test_a_sketch_keeps_the_same_share_everywhere():
    ids = rand(np.random.default_rng(1), 200_000)
    whole, tenth = sketch(ids, 21), sketch(ids, 21, 0.1)
    assert np.isin(tenth, whole).all()
    assert abs(len(tenth) / len(whole) - 0.1) < 0.01
    assert np.isin(sketch(ids[:1000], 21, 0.1), tenth).all()


def test_copies_on_either_strand_link_blocks_and_links_pass_on():
    rng = np.random.default_rng(2)
    element, operon, short = rand(rng, 800), rand(rng, 3000), rand(rng, 200)
    blocks = [
        [element],
        [reverse_complement(element), operon],
        [operon],
        [short],
        [short],
        [],
    ]
    padded = [np.concatenate([rand(rng, 5000), *b, rand(rng, 5000)]) for b in blocks]
    groups = homologous_groups([sketch(b, 31) for b in padded], 500)
    assert groups.tolist() == [0, 0, 0, 3, 4, 5]


def test_interspersed_repeats_do_not_link_everything(monkeypatch):
    monkeypatch.setattr("photo51.genome.axis.homology.WIDESPREAD", 4)
    rng = np.random.default_rng(3)
    repeat, copy = rand(rng, 800), rand(rng, 800)
    blocks = [np.concatenate([rand(rng, 500), repeat]) for _ in range(6)]
    blocks[1] = np.concatenate([blocks[1], copy])
    blocks[4] = np.concatenate([copy, blocks[4]])
    assert homologous_groups([sketch(b, 31) for b in blocks], 500).tolist() == [0, 1, 2, 3, 1, 5]


def test_no_blocks_no_groups():
    assert homologous_groups([], 500).tolist() == []
    assert homologous_groups([np.zeros(0, dtype=np.uint64)] * 2, 500).tolist() == [0, 1]
