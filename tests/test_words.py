import ast
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import photo51
from photo51 import words
from photo51.report.elements.blocks import (
    Claim,
    Claims,
    Figure,
    Head,
    Note,
    Table,
    literal,
    rich,
    script_safe,
    slug,
    used_terms,
)
from photo51.report.elements.glossary import TERMS
from photo51.report.elements.svg import Markup, inline, logo_svg

THIN, MINUS = "\u202f", "\u2212"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"), (0, "0"), (12.0, "12"), (0.01234, "0.0123"), (99.96, "100.0"), (-0.5, f"{MINUS}0.500"), (1999.6, "2,000"),
        (3.14159e-7, f"3.1{THIN}×{THIN}10\u207b\u2077"), (float("nan"), "not measured"), (None, "not measured"),
    ],
)  # fmt: skip
def test_numbers_keep_three_digits(value, shown):
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "< 10\u207b\u00b3\u2070\u2070"),
        (0.5, "0.50"),
        (0.0314, "0.031"),
        (2e-5, f"2{THIN}×{THIN}10\u207b\u2075"),
        (1.0, "1.00"),
    ],
)
def test_a_probability_is_never_printed_as_zero(value, shown):
    assert words.probability(value) == shown


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        (1, f"1{THIN}base"),
        (9_999, f"9,999{THIN}bases"),
        (48_502, f"48.5{THIN}kb"),
        (4_641_652, f"4.64{THIN}Mb"),
    ],
)
def test_lengths(n, shown):
    assert words.bases(n) == shown


@pytest.mark.parametrize(
    ("s", "shown"),
    [
        (0.42, f"0.4{THIN}s"),
        (51.2, f"51{THIN}s"),
        (725, f"12{THIN}min 5{THIN}s"),
        (12_000, f"3{THIN}h 20{THIN}min"),
    ],
)
def test_times(s, shown):
    assert words.duration(s) == shown


def test_percentages_of_tiny_shares_are_not_rounded_to_nothing():
    assert words.percent(0.5) == f"50.0{THIN}%"
    assert words.percent(3e-6) == f"3{THIN}×{THIN}10\u207b\u2074{THIN}%"


def test_lists_read_as_sentences():
    assert words.listing(["a"]) == "a"
    assert words.listing(["a", "b"]) == "a and b"
    assert words.listing(list("abcde"), at_most=3) == "a, b, c and 2 more"


def test_places_are_one_based_with_both_ends():
    assert words.place("chr", 0, 1000, "-") == f"chr:1-1,000 ({MINUS})"
    assert words.place("chr", 4_184_858, 4_184_859, "+") == "chr:4,184,859 (+)"


def test_rich_text_escapes_what_it_does_not_know():
    assert rich("a < b & **c** `d`") == "a &lt; b &amp; <b>c</b> <code>d</code>"
    assert rich("{f12} and [[q|q-values]]") == (
        '<a href="atlas/index.html#f12">f12</a> and <a class="term" href="#term-q" aria-describedby="term-q">q-values</a>'
    )


def test_every_term_in_the_sources_is_in_the_glossary():
    package = Path(photo51.__file__).parent
    written = {
        key
        for path in sorted(package.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for key in re.findall(r"\[\[(\w+)(?:\||\]\])", node.value)
    }
    assert {"q", "f1", "rotation"} <= written
    assert written - {"term"} <= set(TERMS)


def test_names_that_look_like_marks_are_shown_letter_by_letter():
    name = "a[[zzz]]b**c**{f12}`d`<i>\\*"
    assert Markup(rich(f"**{literal(name)}** is [[q]]")).striptags() == f"{name} is q-value"
    assert rich("[[zzz]] and [[zzz|y]]") == "[[zzz]] and [[zzz|y]]"


def test_every_term_is_one_sentence():
    for key, term in TERMS.items():
        assert term.meaning.endswith("."), key
        assert ". " not in term.meaning.replace("e.g. ", ""), key
        assert len(term.meaning) < 190, key


def test_tables_mark_rows_to_open_and_carry_numbers_to_sort_by():
    table = Table(
        "A caption",
        [Head("name"), Head("[[q]]", numeric=True)],
        [["x", 0.5], ["<y>", float("nan")], ["z", 2]],
        shown=2,
    )
    html = table.html()
    assert html.count('class="more"') == 1
    assert 'data-v="0.5"' in html
    assert "&lt;y&gt;" in html
    assert "–" in html
    assert used_terms(html) == ["q"]


def test_claims_print_the_null_beside_the_value():
    html = Claims(
        [Claim("It knows **tRNA**.", "0.83", "0.04 for rotated features", "n = 31 genes", "yes", "concepts")]
    ).html()
    assert html.index("0.83") < html.index("0.04 for rotated features") < html.index("beats its control")


def test_a_figure_needs_alt_text():
    made = plt.figure()
    with pytest.raises(ValueError, match="alt"):
        inline(made, " ")
    plt.close(made)
    assert "figcaption" in Figure(Markup("<svg></svg>"), "A caption.").html()
    assert Note("x", "T", "absent").html().startswith('<div class="note absent">')


def test_two_figures_on_a_page_share_no_identifier():
    pictures = []
    for top in (1, 2):
        made, ax = plt.subplots()
        ax.plot([0, top])
        ax.imshow([[0, top]])
        pictures.append(inline(made, "a line"))
    ids = [set(re.findall(r' id="([^"]+)"', p)) for p in pictures]
    assert ids[0]
    assert not ids[0] & ids[1]
    for p, own in zip(pictures, ids, strict=True):
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', p)) <= own


def test_logo_letters_are_as_tall_as_their_bits():
    heights = np.array([[2.0, 0, 0, 0], [0, 0.5, 0.25, 0], [np.nan, 0, 0, 0]])
    picture = logo_svg(heights, first=-1, alt="a logo", height=100, step=10)
    # 2 bits are the whole height of 100 px; 0.5 bits are 25 px on top of 12.5 px
    assert 'href="#base-A" transform="translate(30.5,6.0) scale(9,100.0)"' in picture
    assert 'href="#base-G" transform="translate(40.5,93.5) scale(9,12.5)"' in picture
    assert 'href="#base-C" transform="translate(40.5,68.5) scale(9,25.0)"' in picture
    assert picture.count("<use") == 3
    assert f">{MINUS}1<" not in picture  # ticks at even offsets only
    assert ">0<" in picture


def test_scripts_cannot_end_their_tag():
    assert script_safe('a("</script>","</SCRIPT >","<!-- x")') == 'a("<\\/script>","<\\/SCRIPT >","<\\!-- x")'


def test_anchors_are_plain():
    assert slug("What [[f1]] — means, really?") == "what-f1-means-really"


def test_measures_of_written_sequence_have_names_a_biologist_uses():
    assert words.measure("gc") == "GC content"
    assert words.measure("stop_codons") == "stop codons"
    assert words.measure("motif_TATAAT") == "motif TATAAT"


def test_less_than_all_is_not_rounded_to_all_nor_a_trace_to_nothing():
    assert words.percent(2_999 / 3_000).replace(words.THIN, " ") == "> 99.9 %"
    assert words.percent(0.9996, 2).replace(words.THIN, " ") == "99.96 %"
    assert words.percent(0.999, 0).replace(words.THIN, " ") == "> 99 %"
    assert words.percent(1.0).replace(words.THIN, " ") == "100.0 %"
    assert words.percent(1.02, 0).replace(words.THIN, " ") == "102 %"
    assert words.percent(-0.0002).replace(words.THIN, " ") == "−0.020 %"


def test_what_is_rounded_to_zero_has_no_sign_and_to_a_thousand_its_comma():
    assert words.fixed(-0.001) == words.signed(-0.001) == words.signed(0.001) == "0.00"
    assert words.signed(-0.12) == "−0.12"
    assert words.number(999.7) == "1,000"
    assert words.bases(999_960).replace(words.THIN, " ") == "1.00 Mb"
