import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
import yaml
from markupsafe import Markup
from typer.testing import CliRunner

from photo51 import theme
from photo51.cli import app
from photo51.config.report import AtlasParams, ReportParams
from photo51.findings.stage import findings
from photo51.io import read_table, write_json
from photo51.report.atlas.files import pack_pages, write_atlas
from photo51.report.atlas.write import make_atlas
from photo51.report.elements import svg
from photo51.report.elements.blocks import Claim, Heading
from photo51.report.elements.shapes import manifold_records
from photo51.report.page import opened, report_sections, write_report
from photo51.report.sections import manifolds, methods
from photo51.report.sections.headline import leading, short
from photo51.run.opened import Run
from photo51.run.sources import SOURCES

SMALL = ReportParams(concepts=2, unnamed=2, cards=2)


class Ids(HTMLParser):
    """Identifiers of a page, links within it, and what it loads."""

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.loads, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        at = dict(attrs)
        if "id" in at:
            self.ids.append(at["id"])
        for key in ("aria-describedby", "aria-labelledby", "aria-controls"):
            if key in at:
                self.links.append(at[key])
        if (at.get("href") or "").startswith("#"):
            self.links.append(at["href"][1:])
        if tag in {"script", "img", "link", "iframe", "source"}:
            self.loads += [v for k, v in attrs if k in {"src", "href"} and not v.startswith("data:")]


@pytest.fixture(scope="module")
def page(whole, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    write_report(Run(whole), out, SMALL)
    return out.read_text(encoding="utf-8")


def test_page_loads_nothing_and_every_link_within_it_leads_somewhere(page):
    parsed = Ids()
    parsed.feed(page)
    assert parsed.loads == []
    assert sorted(set(parsed.links) - set(parsed.ids)) == []
    twice = {i for i in parsed.ids if parsed.ids.count(i) > 1}
    assert twice == set()


def test_sections_stand_in_the_order_the_reader_needs(page):
    found = re.findall(r'<section id="([\w-]+)"', page)
    assert found == [
        "headline",
        "run",
        "concepts",
        "shapes",
        "disease",
        "causes",
        "unnamed",
        "calibration",
        "failures",
        "methods",
        "reproduce",
        "glossary",
    ]


def test_a_fold_never_parts_a_heading_from_what_it_heads(run):
    for s in report_sections(run, SMALL):
        shown = s.blocks[: opened(s)]
        assert shown or not s.blocks
        assert not isinstance(shown[-1], Heading), s.anchor


def test_the_first_findings_are_of_different_sections():
    def claim(where, verdict, what):
        return Claim(what, "1", "0", "n = 1", verdict, where)

    claims = [
        claim("run", "yes", "a"),
        claim("concepts", "yes", "b"),
        claim("concepts", "yes", "c"),
        claim("causes", "no", "d"),
    ]
    claims += [claim("shapes", "yes", "e"), claim("unnamed", "yes", "f"), claim("calibration", "yes", "g")]
    assert [c.claim for c in leading(claims)] == ["b", "g", "e", "f", "a"]


def test_a_sentence_is_cut_between_words_and_never_within_a_term():
    assert short("one two three", 9) == "one two …"
    assert short("one [[null_f1|two three]] four", 20) == "one …"
    assert short("short", 9) == "short"
    assert short("No feature for rRNA (F1 0.7, null 0.1), tRNA (F1 0.6, null 0.1), gene and repeat.", 80) == (
        "No feature for rRNA (F1 0.7, null 0.1), tRNA (F1 0.6, null 0.1) and others."
    )
    assert short("a (x, y), b, c, d and e", 14) == "a (x, y), b and others."
    assert (
        short("none for T (F1 0.9; q (0.9)), rRNA (F1 0.8), A (F1 0.7)", 40)
        == "none for T (F1 0.9; q (0.9)) and others."
    )
    assert short("where this is so, nothing else can be said of it", 30) == "where this is so, nothing …"


def test_methods_cite_what_they_name_and_number_it_as_it_comes(run):
    text = " ".join(str(b.html()) for b in methods.section(run).blocks)
    told, listed = text.split('data-copy="references"')
    first = list(dict.fromkeys(int(n) for group in re.findall(r"\[(\d[\d, ]*)\]", told) for n in group.split(", ")))
    assert first == list(range(1, listed.count("<li>") + 1))
    assert "no p-value can be below 1/" in told


def test_methods_say_what_an_archetypal_dictionary_is_made_of(run):
    cited = methods._Cited()
    sae = {"variant": "topk", "k": 4, "decoder": "archetypal", "archetypes": 2_048, "relaxation": 0.25}
    text = methods._dictionary(run, {"sae": sae}, cited)
    assert "convex combinations of 2,048 centroids of the states, each with a change of at most 0.25" in text
    assert "2502.12892" in str(cited.items())
    begun = methods._dictionary(run, {"sae": {"variant": "topk", "k": 4, "beginning": "centroids"}}, cited)
    assert "began at centroids of the states that are the same for every training seed" in begun
    consensus = methods._dictionary(run, {"sae": sae | {"consensus": 3}}, cited)
    assert "at least two of 3 dictionaries of other seeds had in common" in consensus
    assert "centroids" not in methods._dictionary(run, {"sae": sae | {"decoder": "free"}}, cited)


def test_the_citation_is_the_one_of_the_file(request):
    cff = yaml.safe_load((request.config.rootpath / "CITATION.cff").read_text(encoding="utf-8"))
    said = methods.citation()
    for part in (cff["title"], str(cff["version"]), cff["url"], cff["authors"][0]["name"]):
        assert part in said
        assert part in methods.bibtex()


def test_every_claim_has_a_null_and_an_n(run):
    sections = report_sections(run, SMALL)
    claims = [c for s in sections for c in s.claims]
    assert len(claims) >= 10
    for c in claims:
        assert c.null.strip(), c.claim
        assert c.value.strip(), c.claim
        assert re.search(r"\d", c.n), c.claim


def test_what_failed_is_listed_and_linked(page):
    failures = page.split('<section id="failures"', 1)[1].split("</section>", 1)[0]
    for said in (
        "features add nothing certain",
        "raises the negative log-likelihood no more",
        "were active nowhere",
        "1 annotation class could not be scored: ",
        "prophage (1 interval on test",
    ):
        assert said in failures, said


def test_the_failure_section_is_never_empty(poor):
    sections = {s.anchor: s for s in report_sections(Run(poor), SMALL)}
    shown = "".join(b.html() for b in sections["failures"].blocks)
    assert shown.count("<li>") >= 5
    assert sections["concepts"].absent
    assert sections["disease"].absent
    assert not sections["run"].absent


COMPULSORY = {"contigs", "annotations", "workspace", "windows", "top_windows"}
BRIEF = ReportParams(concepts=1, unnamed=1, cards=1, manifolds=1)


def sections_without(run, gone=(), empty=()):
    """Sections of a run some of whose tables were not made, or have no rows; what was read of the others is kept."""
    changed = dict.fromkeys(gone) | {name: run.need(name).iloc[:0] for name in empty}
    partial = run.replaced(changed)
    if "findings" not in changed:
        partial = partial.replaced({"findings": findings(partial)})
    return {s.anchor: s for s in report_sections(partial, BRIEF)}


@pytest.mark.parametrize("change", ["gone", "empty"])
@pytest.mark.parametrize("name", sorted(set(SOURCES) - COMPULSORY))
def test_any_one_table_may_be_missing_or_empty(run, name, change, monkeypatch):
    """The rest of the report stands, whatever single table was not made or has no rows."""
    monkeypatch.setattr(svg, "figure", no_picture)
    if run.table(name) is None:
        pytest.skip("the synthetic run does not make it")
    sections = sections_without(run, **{change: (name,)})
    assert len(sections) == 11
    for s in sections.values():
        assert "".join(b.html() for b in s.blocks) or s.answer


def no_picture(draw, size, alt, zoom=1.0):
    """Stands for a picture where only the words around it matter."""
    assert alt.strip()
    return Markup("<svg></svg>")


def test_the_same_run_gives_the_same_page(whole, page, tmp_path):
    write_report(Run(whole), tmp_path / "report.html", SMALL)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page


def test_manifest_is_shown_where_there_is_one(poor, whole, tmp_path):
    write_json(
        {
            "photo51": "9.9",
            "git": {"commit": "abcdef1234567890", "dirty": True},
            "seed": 51,
            "config": {"values": {"run": "x<y"}, "hash": "h"},
            "inputs": {"a.fa": {"sha256": "0" * 64, "bytes": 3}},
        },
        poor / "manifest.json",
    )
    write_report(Run(poor), tmp_path / "r.html", SMALL)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "abcdef123456" in text
    assert "with local changes" in text
    assert "x&lt;y" in text


def test_a_page_made_anew_says_nothing_of_the_manifest_of_an_older_run(poor, tmp_path):
    (tmp_path / "g.fa").write_text(">c\nACGT\n")
    (tmp_path / "genomes.tsv").write_text("genome\tsequence\ng\tg.fa\n")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"run": "fresh", "seed": 5_151, "genomes": str(tmp_path / "genomes.tsv")}))
    params = ["--params", SMALL.model_dump_json(), "--config", str(config)]
    pages = []
    for old in ({}, {"seed": 7_171, "config": {"values": {"run": "stale"}, "hash": "h"}}):
        write_json(old, poor / "manifest.json")
        done = CliRunner().invoke(app, ["report", str(poor), "--out", str(tmp_path / "r.html"), *params])
        assert done.exit_code == 0, done.exception
        pages.append((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert pages[0] == pages[1]
    assert "5151" in pages[0]
    assert "stale" not in pages[0]
    assert hashlib.sha256(b">c\nACGT\n").hexdigest()[:16] in pages[0]


def test_atlas_of_a_run_holds_every_live_feature(run, tmp_path):
    make_atlas(run, tmp_path / "atlas", AtlasParams(chunk=16))
    text = (tmp_path / "atlas" / "index.html").read_text(encoding="utf-8")
    assert sorted(p.name for p in (tmp_path / "atlas").iterdir()) == ["index.html"]
    assert text.count('id="chunk-d') == 5  # 70 features, 16 a chunk
    make_atlas(run, tmp_path / "beside", AtlasParams(one_file=10, chunk=64))
    assert sorted(p.name for p in (tmp_path / "beside" / "data").iterdir()) == [
        "d0000.js",
        "d0001.js",
        "index.js",
    ]


def test_an_atlas_without_as_many_dossiers_as_features_is_refused(tmp_path):
    from benchmarks import _atlas_world as world

    with pytest.raises(ValueError, match="need 20 feature pages, one a feature, got 19"):
        write_atlas(world.index(20), world.dossiers(19), tmp_path / "atlas")
    assert not (tmp_path / "atlas").exists()


def test_packed_data_are_the_same_every_time():
    assert pack_pages({"b": [1.5, None], "a": "x"}) == pack_pages({"b": [1.5, float("nan")], "a": "x"})


def test_contracts_of_the_synthetic_run_are_kept(run):
    for name, source in SOURCES.items():
        for path in run.paths(name):
            read_table(path, source.spec)


def test_classes_have_the_same_colours_in_the_atlas_as_in_the_report(run):
    by_meaning = {r["meaning"]: r for r in manifold_records(run)}
    frame = by_meaning["reading-frame phase"]
    assert frame["tones"] == list(theme.FRAME_COLOURS)
    assert len(frame["key"]) == len(frame["tones"])
    assert all(not r["tones"] for r in by_meaning.values() if r is not frame)


def test_a_quantity_of_which_nothing_is_explained_is_no_meaning(run):
    partial = Run(run.folder)
    for name in SOURCES:
        partial._tables[name] = run.table(name)
    table = run.need("meaning").copy()
    worst = table.index[0]
    table.loc[worst, ["q", "effect"]] = [1e-6, -7.84]
    partial._tables["meaning"] = table
    section = manifolds.section(partial, 0)
    shown = " ".join(str(b.html()) for b in section.blocks) + section.answer
    assert "784" not in shown
    assert any("no variance on held-out blocks" in f.what for f in section.failures)
