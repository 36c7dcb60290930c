"""What a finished run does again when its inputs change, as Snakemake plans it."""

import pytest

from benchmarks._replan import jobs_where_little_is_kept, new_annotation_jobs


@pytest.mark.slow
def test_a_new_annotation_plans_enrichment_and_what_follows_alone():
    found = new_annotation_jobs()
    assert found["new_annotation_jobs"] == 0
    assert found["new_annotation_jobs_all"] >= 10


@pytest.mark.slow
def test_a_finished_run_that_keeps_little_has_nothing_to_do():
    assert jobs_where_little_is_kept() == {"jobs": 0, "codes": 1}
