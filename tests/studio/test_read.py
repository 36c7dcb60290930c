"""What the page is told of a sequence is what the API says of it, to the bit."""

import base64
import json

import numpy as np
import pytest

import photo51
from photo51.api.workbench import Place, typed_sequence
from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.types import InputError

BASES = "ATGGCGAAAGGTAAAGTTTGCGGATTTAGCTCAGTTGGGAGAGCGCCAGACTGAAGATCTGGAGGTCC"


def unpack(packed):
    return np.frombuffer(base64.b64decode(packed["b64"]), dtype="<" + packed["kind"])


def dense(track, n):
    out = np.zeros(n, np.float32)
    out[unpack(track["at"])] = unpack(track["value"])
    return out


def test_bits_and_activations_are_those_of_the_api_to_the_bit(page, bench):
    told = page.post("api/read", {"text": BASES}).json()
    codes = photo51.encode(bench.model, bench.sae, BASES)
    log_p = bench.model.log_probs([BASES])[0]
    np.testing.assert_array_equal(unpack(told["bits"]["+"]), (-log_p / float(np.log(2.0))).astype(np.float32))
    for track in told["tracks"]:
        for strand in "+-":
            column = np.asarray(codes[strand][:, [track["feature"]]].todense()).ravel()
            np.testing.assert_array_equal(dense(track[strand], len(BASES)), column)


def test_the_reverse_strand_is_the_reverse_complement_read_forward(page):
    turned = BASES.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    a, b = (page.post("api/read", {"text": t}).json() for t in (BASES, turned))
    np.testing.assert_array_equal(unpack(a["bits"]["-"]), unpack(b["bits"]["+"])[::-1])
    assert np.isnan(unpack(a["bits"]["-"])[-1])


def test_a_locus_is_read_with_context_on_both_sides(page, bench):
    told = page.post("api/read", {"source": {"genome": "ring", "chrom": "chromosome", "start": 3_000, "end": 3_200}}).json()  # fmt: skip
    bases = bench.run.genomes.sequence("ring", "chromosome", 3_000 - 512, 3_200 + 512)
    bits = -bench.model.log_probs([bases])[0] / float(np.log(2.0))
    assert told["bases"] == bases[512:712].tobytes().decode()
    np.testing.assert_array_equal(unpack(told["bits"]["+"]), bits[512:712].astype(np.float32))


def test_pasted_bases_of_the_run_get_their_genes_also_in_reverse(page, bench):
    gene = bench.run._run.places.genes.over("ring", "chromosome", 0, 3_000)[0]
    bases = bench.run.genomes.sequence("ring", "chromosome", gene.start - 40, gene.end + 10, "-")
    told = page.post("api/read", {"text": bases.tobytes().decode()}).json()
    assert told["place"] == {"genome": "ring", "chrom": "chromosome", "start": gene.start - 40, "end": gene.end + 10, "strand": "-"}  # fmt: skip
    mine = next(g for g in told["genes"] if g["name"] == gene.name)
    flip = {"+": "-", "-": "+"}
    assert (mine["start"], mine["end"], mine["strand"]) == (
        10,
        10 + gene.end - gene.start,
        flip[gene.strand],
    )


def test_frames_lie_on_both_strands():
    body = "ATG" + "GCT" * 40 + "TAA"
    from photo51.api.workbench import Read

    forward = Read(np.frombuffer(f"CC{body}CC".encode(), np.uint8), None, {}, {})
    assert (2, 2 + len(body), "+") in forward.orfs()
    turned = f"CC{body}CCC".translate(str.maketrans("ACGT", "TGCA"))[::-1]
    assert (3, 3 + len(body), "-") in Read(np.frombuffer(turned.encode(), np.uint8), None, {}, {}).orfs()


def test_features_of_a_base_are_those_of_its_row(page, bench):
    key = page.post("api/read", {"text": BASES}).json()["key"]
    told = page.post("api/bases", {"reading": key, "start": 3, "end": 5}).json()
    row = photo51.encode(bench.model, bench.sae, BASES)["+"][3].toarray().ravel()
    for feature, value, share in told["features"]["+"][0]:
        assert row[feature] == np.float32(value)
        assert share == pytest.approx(value / bench.features["maximum"][feature])
    assert len(told["features"]["+"]) == 2


@pytest.mark.parametrize(
    ("text", "name", "bases"),
    [
        (">chrM some words\nACGT\nacgu\n", "chrM", "ACGTACGT"),
        ("1 acgta cgtac\n11 ggg\r\n", "sequence", "ACGTACGTACGGG"),
        ("ACGN", "sequence", "ACGN"),
    ],
)
def test_sequences_as_people_paste_them(text, name, bases):
    assert typed_sequence(text) == (name, bases)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one base"),
        (">a\nACGT\n>b\nAC", "one record"),
        ("MKVLAAGE", "IUPAC"),
        (">only", "at least one base"),
    ],
)
def test_what_is_no_sequence_is_refused_by_a_sentence(page, text, said):
    with pytest.raises(InputError, match=said):
        typed_sequence(text)
    answer = page.post("api/read", {"text": text})
    assert answer.status_code == 422
    assert said in answer.json()["error"]


def test_a_sequence_that_memory_does_not_hold_is_refused(page, studio):
    answer = page.post("api/read", {"text": "A" * (studio.ready().most_bases + 1)})
    assert answer.status_code == 422
    assert "photo51 run" in answer.json()["error"]


def test_the_notebook_does_the_same_and_checks_it(page):
    page.get("api/state")
    page.post("api/read", {"text": BASES})
    book = json.loads(page.get("api/export/notebook").text)
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({c["id"] for c in book["cells"]}) == len(book["cells"])
    code = "\n".join("".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code")
    assert "assert digest(read_1" in code
    names: dict[str, object] = {}
    exec(code, names)
    with pytest.raises(AssertionError):
        exec(code.split("\n\n", 1)[1].split("\n", 1)[1].replace("ATGGCG", "ATGGCT"), names)


def test_exports_are_files_of_their_formats(page, tmp_path):
    key = page.post("api/read", {"source": {"genome": "rods", "chrom": "one", "start": 1_000, "end": 1_300}}).json()["key"]  # fmt: skip
    bed = page.get("api/export/bed", params={"reading": key})
    assert "attachment" in bed.headers["content-disposition"]
    rows = [line.split("\t") for line in bed.text.splitlines()]
    assert rows
    assert all(r[0] == "one" and 1_000 <= int(r[1]) < int(r[2]) <= 1_300 and 0 <= int(r[4]) <= 1_000 and r[5] in "+-" for r in rows)  # fmt: skip
    assert [int(r[1]) for r in rows] == sorted(int(r[1]) for r in rows)
    bits = page.get("api/export/bits", params={"reading": key}).text.splitlines()
    assert len(bits) == 301
    assert page.get("api/export/fasta").text.startswith(">read_1_one:1,001-1,300\n")


def test_reloading_brings_the_last_state_back_and_tabs_do_not_mix(page, client, studio):
    page.post("api/read", {"text": BASES})
    state = page.get("api/state").json()
    assert state["latest"]["read"]["source"] == {"bases": BASES}
    again = page.post("api/read", {"source": state["latest"]["read"]["source"]}).json()
    assert len(page.get("api/journal").json()["lines"]) == 1
    headers = {**page.headers, "x-photo51-tab": "anothertab"}
    other = client.get(f"/{studio.token}/api/state", headers=headers).json()
    assert other["journal"] == []
    answer = client.post(
        f"/{studio.token}/api/bases", headers=headers, json={"reading": again["key"], "start": 0, "end": 1}
    )
    assert answer.status_code == 422


def test_search_goes_where_find_goes_and_features_have_their_page(page, bench):
    page.get("api/state")  # waits until the model is open
    gene = page.get("api/search", params={"q": "chr06"}).json()
    assert gene["go"][0]["chrom"] == "chromosome"
    table = bench.run.genomes.annotations()
    (row,) = table[(table["name"] == "chr06") & (table["kind"] == "gene")].to_dict("records")
    # the gene itself, not the bases around its ends that carry its name
    assert gene["go"][0]["label"] == f"chr06 · chromosome:{row['start'] + 1:,}-{row['end']:,} ({row['strand']})"
    assert (gene["go"][0]["start"], gene["go"][0]["end"]) == (row["start"] - 60, row["end"] + 60)
    trna = page.get("api/search", params={"q": "tRNA"}).json()
    assert 6 in [r["feature"] for r in trna["rows"]]
    card = page.get("api/feature/6").json()
    assert "tRNA" in card["title"]
    assert card["go"][0]["end"] - card["go"][0]["start"] <= 600
    assert page.get("api/feature/9999").status_code == 422
    assert page.get("api/search", params={"q": "no such thing at all"}).status_code == 422


def test_bits_are_taken_away_as_bigwig_on_the_strands_of_the_contig(page, bench, tmp_path):
    """Bases of the run pasted in reverse complement: what is read forward is the contig's reverse strand."""
    import pybigtools

    where = slice(4_000, 4_080)
    bases = bench.run.genomes.sequence("ring", "chromosome", where.start, where.stop, "-")
    told = page.post("api/read", {"text": bases.tobytes().decode()}).json()
    assert told["place"]["strand"] == "-"
    for side, own in (("plus", "-"), ("minus", "+")):
        answer = page.get(f"api/export/{side}", params={"reading": told["key"]})
        assert answer.headers["content-disposition"].endswith(f'bits_{side}.bw"')
        (tmp_path / f"{side}.bw").write_bytes(answer.content)
        signal = pybigtools.open(str(tmp_path / f"{side}.bw"))
        found = np.array(signal.values("chromosome", where.start, where.stop, fillna=None))
        np.testing.assert_allclose(found, unpack(told["bits"][own])[::-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "says"),
    [("ACGTTT\n>late\nACGT", "'>late'"), (">a\nAC\n>b\nGT", "one record"), ("ACG-T", "'-' at base 4")],
)
def test_a_text_that_is_no_one_sequence_is_refused(text, says):
    with pytest.raises(InputError, match=says):
        typed_sequence(text)


def test_a_pasted_file_may_begin_with_a_mark_and_blanks():
    assert typed_sequence("\ufeff\r\n  >one two\r\n 1 acgt nr\r\n") == ("one", "ACGTNR")


def test_small_letters_in_an_array_are_read_as_capitals_and_other_arrays_are_refused(bench):
    bases = np.frombuffer(b"ATGGCGAAAGGTTAAACGTTTGCATC", dtype=np.uint8)
    capital, small = (photo51.encode(bench.model, bench.sae, b) for b in (bases, bases + 32))
    for strand in "+-":
        np.testing.assert_array_equal(capital[strand].toarray(), small[strand].toarray())
    logs = [bench.model.log_probs([b])[0] for b in (bases, bases + 32)]
    np.testing.assert_array_equal(*logs)
    for wrong in (np.array([0, 1, 2, 3]), np.array([0.5]), np.array([[65, 67]]), np.array([65, 300])):
        with pytest.raises(InputError, match="sequence: need"):
            photo51.encode(bench.model, bench.sae, wrong)
        with pytest.raises(InputError, match="sequence: need"):
            bench.read(wrong)
    with pytest.raises(InputError, match="strands: need"):
        photo51.encode(bench.model, bench.sae, bases, strands=("x",))


def test_a_base_of_a_place_on_the_reverse_strand_is_that_of_the_sequence_as_given(bench):
    table = bench.run.genomes.contigs
    genome, chrom = (str(table[c].iloc[0]) for c in ("genome", "chrom"))
    place = Place(genome, chrom, 400, 430, "-")
    letters = decode(bench.run.genomes.sequence(genome, chrom, 400, 430, "-"))
    for offset in (0, 7, 29):
        for strand in "+-":
            told = bench.base_effects(place, offset, strand=strand)
            # the map's reference letters are the bases read before it, in its direction of reading
            read = bench.why(place, offset, strand=strand, changes=False).read
            letter = letters[offset] if strand == "+" else decode(reverse_complement(encode(letters[offset])))
            assert read["base"].iloc[-1] == letter
            assert read["position"].iloc[-1] == 429 - offset
            assert set(told.influence["position"]) <= set(read["position"])
    with pytest.raises(InputError, match="need one within 1–30, got 31"):
        bench.why(place, 30)
    for base in (-1, 4):
        with pytest.raises(InputError, match="need one within 1–4"):
            bench.prefers("ACGT", base)


@pytest.mark.parametrize(
    "ask",
    [
        lambda b: photo51.steer(b.run, "f1", BASES, doses=()),
        lambda b: photo51.steer(b.run, "f1", BASES, doses=(float("inf"),)),
        lambda b: photo51.steer(b.run, "f1", BASES, sequences=1),
        lambda b: photo51.steer(b.run, "f1", BASES, seed=-1),
        lambda b: b.dose_response("f1", BASES, doses=(0.0,)),
        lambda b: next(b.write("f1", BASES, length=0)),
        lambda b: b.paint(b.canvas([(0, 5, "f1", 1.0)], 10), BASES, sequences=0),
        lambda b: b.canvas([(0, 5, "f1", 1.0)], 10, strand="x"),
        lambda b: b.listen([{"name": "a", "word": "TAA", "do": {"stop": True}}], BASES, sequences=0),
        lambda b: b.listen([{"name": "a", "word": "TAA", "do": {"temperature": float("inf")}}], BASES),
        lambda b: b.prefers(BASES, 5, "x"),
        lambda b: b.run.codes.top("ring", "nowhere", 0, 10),
        lambda b: b.run.codes.top("ring", "chromosome", 39_990, 40_010),
        lambda b: b.run.features[0].at("ring", "chromosome", -5, 5),
        lambda b: photo51.Variant("c", -1, "A", "C"),
    ],
)
def test_what_cannot_be_asked_of_the_public_face_is_one_sentence(bench, ask):
    with pytest.raises(InputError) as e:
        ask(bench)
    assert "\n" not in str(e.value)
    assert "validation error" not in str(e.value)


def test_bases_that_were_not_scored_have_no_features(bench):
    unread = bench.run._run.places.unread("ring", "chromosome", 0, 40_000)
    if unread:
        start, end = unread[0]
        assert bench.run.codes.top("ring", "chromosome", start, end).empty
        codes = bench.run.codes.anndata("ring", "chromosome", start, end)
        assert (codes.n_obs, codes.n_vars) == (0, 72)
    empty = bench.run.codes.anndata("ring", "chromosome", 5, 5)
    assert (empty.n_obs, empty.n_vars, list(empty.obs)) == (0, 72, ["genome", "chrom", "pos", "strand", "row"])
