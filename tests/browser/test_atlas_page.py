import json

import pytest

from benchmarks import _atlas_world as world
from benchmarks._audit import audit
from photo51.report.atlas.files import write_atlas

pytestmark = pytest.mark.browser
N = 700


@pytest.fixture(scope="module", params=["inside", "beside"])
def page(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas") / "atlas"
    write_atlas(world.index(N), world.dossiers(N), folder, chunk=256, inline=request.param == "inside")
    assert (folder / "data").is_dir() == (request.param == "beside")
    return folder / "index.html"


@pytest.fixture
def atlas(browser, page):
    browser.open(page)
    browser.wait_for("document.documentElement.dataset.ready")
    yield browser
    browser.settle()
    assert browser.requests == []
    assert browser.errors == []


def look_for(browser, text):
    browser.evaluate("document.getElementById('q').focus()")
    browser.evaluate("document.getElementById('q').select()")
    browser.type(text)
    browser.settle()
    return browser.evaluate("document.getElementById('found').textContent"), json.loads(
        browser.evaluate("JSON.stringify([...SHOWN].map(r => COL.id[r]))")
    )


def test_a_number_finds_its_feature_and_only_it(atlas):
    assert look_for(atlas, "f33")[1] == [33]


def test_an_unknown_number_is_said_with_the_nearest(atlas):
    said, ids = look_for(atlas, "f100000")
    assert "not in this atlas" in said
    assert sorted(ids) == list(range(N - 8, N))


def test_words_must_all_be_there(atlas):
    features = world.index(N).features
    trna = [i for i, k in enumerate(features["name"]) if k >= 0 and world.KINDS[k][0] == "tRNA"]
    assert sorted(look_for(atlas, "tRNA")[1]) == trna
    both = [i for i in trna if features["manifold"][i] >= 0]
    assert sorted(look_for(atlas, "trna manifold")[1]) == both


def test_a_place_and_a_gene_find_what_is_most_active_there(atlas):
    loci = world.index(N).loci
    expected = set(loci["row"][12 * 16 : 14 * 16])  # bins 12 and 13 hold bases 12,001 to 14,000
    assert set(look_for(atlas, "chr1:12,001-14,000")[1]) == expected
    # gen12 lies at 13,800-14,800: bins 13 and 14
    assert set(look_for(atlas, "gen12")[1]) == set(loci["row"][13 * 16 : 15 * 16])


def test_a_motif_is_found_on_either_strand(atlas):
    codes = {"A": 1, "C": 2, "G": 4, "T": 8, "R": 5, "Y": 10, "S": 6, "W": 9, "N": 15}

    def has(text, motif):
        within = [
            all(codes[t] & codes[m] == codes[t] for t, m in zip(text[i:], motif, strict=False))
            for i in range(len(text) - len(motif) + 1)
        ]
        return any(within)

    motifs = world.index(N).features["motif"]
    # GAT or its reverse complement ATC, flanked by anything: text N is not an A, C, G or T for sure
    expected = [i for i, m in enumerate(motifs) if has(m, "GATN") or has(m, "NATC")]
    assert expected
    assert sorted(look_for(atlas, "motif:GATN")[1]) == expected


def test_the_keyboard_alone_reaches_a_dossier(atlas):
    atlas.evaluate("document.activeElement.blur()")
    atlas.press("/")
    assert atlas.evaluate("document.activeElement.id") == "q"
    atlas.type("tRNA")
    atlas.settle()
    atlas.press("ArrowDown")
    atlas.settle()
    first = atlas.evaluate("CURRENT")
    atlas.press("ArrowDown")
    atlas.settle()
    second = atlas.evaluate("CURRENT")
    assert second != first
    assert atlas.evaluate("document.activeElement.id") == "rows"
    assert atlas.evaluate("document.getElementById('dossier-title').textContent").startswith(f"f{second} ")
    atlas.press("Enter")
    assert atlas.evaluate("document.activeElement.id") == "dossier"


def test_arrow_keys_move_on_the_map(atlas):
    look_for(atlas, "")
    atlas.evaluate("select(0)")
    atlas.evaluate("document.getElementById('map').focus()")
    before = atlas.evaluate("AT[2 * CURRENT]")
    atlas.press("ArrowRight")
    atlas.settle()
    assert atlas.evaluate("AT[2 * CURRENT]") > before


def test_a_click_on_the_map_opens_the_nearest_point(atlas):
    look_for(atlas, "")
    x, y = json.loads(
        atlas.evaluate(
            "(() => { const b = document.getElementById('map').getBoundingClientRect(); return JSON.stringify([b.left + AT[2*77], b.top + AT[2*77+1]]) })()"
        )
    )
    atlas.click(x, y)
    atlas.settle()
    near = json.loads(atlas.evaluate("JSON.stringify([AT[2*CURRENT]-AT[154], AT[2*CURRENT+1]-AT[155]])"))
    assert max(map(abs, near)) < 1.5


def test_sorting_puts_features_without_a_value_last(atlas):
    look_for(atlas, "")
    atlas.evaluate("document.querySelector('[data-sort=score]').click()")
    atlas.settle()
    rows = json.loads(atlas.evaluate("JSON.stringify([...SHOWN].map(r => COL.score[r]))"))
    known = [v for v in rows if v is not None]
    assert known in (sorted(known), sorted(known, reverse=True))
    assert rows[: len(known)] == known
    assert len(known) < len(rows)


def test_links_open_what_they_name(browser, page):
    for fragment, expected in (("#f500", "f500 "), ("#m2", "Group 2 "), ("#f99999", "f99999")):
        browser.open(page, fragment=fragment)
        browser.wait_for("document.documentElement.dataset.ready")
        browser.settle()
        assert browser.evaluate("document.querySelector('#dossier h2').textContent").startswith(expected)
    assert "nearest numbers" in browser.evaluate("document.querySelector('#dossier .lede').textContent")


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (420, 800)])
def test_the_page_is_readable_and_fits(browser, page, width, height):
    for fragment in ("#f5", "#m0"):
        browser.open(page, width, height, fragment)
        browser.wait_for("document.documentElement.dataset.ready")
        browser.settle()
        found = audit(browser)
        assert found.contrast == []
        assert found.without_alt == []
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
