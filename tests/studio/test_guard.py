"""Who is let in, and what malformed requests do: a sentence and a status, never a traceback, and the server lives on."""

import json
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from studio_page import ADDRESS

LIMITS = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
POSTS = (
    *(
        "read",
        "bases",
        "track",
        "why",
        "steer",
        "dose",
        "variants",
        "compare",
        "paint",
        "painted",
        "parts",
        "rules",
        "listen",
    ),
    *("cancel", "end"),
)
GETS = ("api/state", "api/search", "api/feature/1", "api/journal", "api/export/notebook", "api/export/bed", "run/x", "static/x")  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda kids: st.lists(kids, max_size=4) | st.dictionaries(st.text(max_size=12), kids, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(["text", "source", "reading", "start", "end", "feature", "bases", "genome", "chrom", "panel", "at", "strand", "prompt", "sliders", "length", "paints", "rules", "key", "concept", "before"])  # fmt: skip


def test_only_the_token_opens_and_only_under_a_loopback_name(client, studio):
    assert client.get("/").status_code == 404
    assert client.get("/" + "x" * 32 + "/").status_code == 404
    assert client.get(f"/{studio.token}/").status_code == 200
    for host, status in (("evil.example:8000", 421), ("localhost:9999", 200), ("[::1]:8000", 200), ("127.0.0.1.evil.example", 421)):  # fmt: skip
        assert client.get(f"/{studio.token}/", headers={"host": host}).status_code == status


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", "http://localhost:8000", f"{ADDRESS}.evil.example", "https://127.0.0.1:8000"])  # fmt: skip
def test_nothing_is_changed_for_another_origin(client, studio, origin):
    headers = {"x-photo51-tab": "testtab001"} | ({} if origin is None else {"origin": origin})
    answer = client.post(f"/{studio.token}/api/read", json={"text": "ACGT"}, headers=headers)
    assert answer.status_code == 403
    if origin is not None:
        assert client.get(f"/{studio.token}/", headers=headers).status_code == 403


def test_another_site_is_refused_by_what_the_browser_says_of_it(client, studio):
    assert client.get(f"/{studio.token}/", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.put(f"/{studio.token}/api/read", headers={"origin": ADDRESS}).status_code == 405


def test_every_answer_forbids_what_the_page_does_not_need(client, studio, page):
    for answer in (
        client.get(f"/{studio.token}/"),
        page.get("api/state"),
        page.get("nowhere"),
        client.get("/x"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers


def test_too_much_at_once_is_refused_whatever_the_header_says(client, page):
    body = json.dumps({"text": "A" * 4_100_000}).encode()
    assert client.post(f"{page.root}/api/read", content=body, headers=page.headers).status_code == 413
    pieces = (body[i : i + 65_536] for i in range(0, len(body), 65_536))
    assert client.post(f"{page.root}/api/read", content=pieces, headers=page.headers).status_code == 413


def test_the_run_is_shown_no_further_than_its_pages(page):
    for path in (
        "run/features.h5ad",
        "run/../made/features.h5ad",
        "run/%2e%2e/%2e%2e/etc/passwd",
        "run//etc/passwd",
        "run/%00",
        "static/..%2fdesk.py",
    ):
        assert page.get(path).status_code == 404


@pytest.mark.parametrize("route", POSTS[:-1])
@LIMITS
@given(body=st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()))
def test_bodies_that_are_no_request_are_refused_by_a_sentence(page, client, route, body):
    answer = client.post(f"{page.root}/api/{route}", content=body, headers=page.headers)
    assert answer.status_code in {200, 422}
    if answer.status_code == 422:
        assert len(answer.json()["error"]) > 10


@pytest.mark.parametrize("route", POSTS)
@LIMITS
@given(body=st.dictionaries(KEYS, JSON, min_size=1, max_size=4))
def test_keys_of_the_right_name_and_wrong_values_are_refused(page, client, route, body):
    answer = client.post(f"{page.root}/api/{route}", json=body, headers=page.headers)
    assert answer.status_code in {200, 422}
    assert route != "end" or answer.status_code == 422


@pytest.mark.parametrize("route", GETS)
@LIMITS
@given(
    query=st.dictionaries(st.sampled_from(["q", "reading", "x"]), st.text(max_size=80)),
    tab=st.text(string.printable.strip(), max_size=50),
)
def test_queries_of_any_kind_get_an_answer(page, client, route, query, tab):
    answer = client.get(
        f"{page.root}/{route}",
        params=query,
        headers={"x-photo51-tab": tab.encode("ascii", "ignore").decode()},
    )
    assert answer.status_code in {200, 404, 422}


@LIMITS
@given(path=st.text(max_size=60))
def test_paths_of_any_kind_get_an_answer(page, path):
    assert page.get("api/" + "".join(c for c in path if c.isprintable())).status_code in {200, 404, 405, 422}


def test_after_all_that_the_page_is_served(page):
    assert page.post("api/read", {"text": "ACGTACGT"}).status_code == 200
