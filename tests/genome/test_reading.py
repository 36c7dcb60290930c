"""Where reading stops: hand-worked contigs, and every base's context counted one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from photo51.genome.alphabet import encode
from photo51.genome.axis.reading import reading, scored_segments

WHOLE = np.array([[0, 20]])


def test_a_linear_contig_loses_both_ends():
    ids = encode("ACGTACGTACGTACGTACGT")
    where = reading(ids, circular=False, n_run=3)
    assert scored_segments(ids, WHOLE, where, 4).tolist() == [[4, 16]]
    assert scored_segments(ids, WHOLE, where, 0).tolist() == [[0, 20]]
    assert scored_segments(ids, WHOLE, where, 11).tolist() == []
    assert where.context(4, 9) == (4, 11)


def test_a_circle_loses_nothing_and_reads_on_for_ever():
    ids = encode("ACGTACGTACGTACGTACGT")
    where = reading(ids, circular=True, n_run=3)
    assert scored_segments(ids, WHOLE, where, 100).tolist() == [[0, 20]]
    assert where.context(3, 5) == (np.inf, np.inf)


def test_long_runs_of_n_end_reading_and_short_ones_do_not():
    ids = encode("ACGTANNNCGTACGNTACGT")
    linear = reading(ids, circular=False, n_run=3)
    assert linear.walls.tolist() == [[5, 8]]
    # two bases of context: off at 0-1, 3-4, 8-9, 18-19, and the lone N at 14 alone
    assert scored_segments(ids, WHOLE, linear, 2).tolist() == [[2, 3], [10, 14], [15, 18]]
    circle = reading(ids, circular=True, n_run=3)
    assert scored_segments(ids, WHOLE, circle, 2).tolist() == [[0, 3], [10, 14], [15, 20]]
    # from 10 back to the run: 2 bases; on from 14: 6 to the end and 5 more
    assert circle.context(10, 14) == (2, 11)
    # from 0 back: 12 bases from the run's end at 8
    assert circle.context(0, 3) == (12, 2)


def test_a_run_across_the_origin_is_one_run():
    ids = encode("NNACGTACGTACGTACGTAN")
    assert reading(ids, circular=True, n_run=3).walls.tolist() == [[0, 2], [19, 20]]
    assert reading(ids, circular=False, n_run=3).walls.tolist() == []


@given(st.text("AN", min_size=1, max_size=30), st.booleans(), st.integers(1, 4), st.integers(0, 6), st.data())
def test_every_scored_base_has_its_context(text, circular, n_run, context, data):
    ids = encode(text)
    n = len(ids)
    where = reading(ids, circular=circular, n_run=n_run)
    bounds = st.tuples(st.integers(0, n - 1), st.integers(1, n)).filter(lambda p: p[0] < p[1])
    region = np.array([data.draw(bounds)])
    walls = {p for a, b in where.walls for p in range(a, b)}
    scored = {p for a, b in scored_segments(ids, region, where, context) for p in range(a, b)}

    def reaches(p, step):
        for i in range(1, context + 1):
            q = p + step * i
            if not circular and not 0 <= q < n:
                return False
            if q % n in walls:
                return False
        return True

    expected = {p for p in range(*region[0]) if text[p] == "A" and reaches(p, 1) and reaches(p, -1)}
    assert scored == expected
    for a, b in scored_segments(ids, region, where, context):
        assert min(where.context(a, b)) >= context
