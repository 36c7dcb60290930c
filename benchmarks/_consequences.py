"""Consequences against an oracle that edits, splices and translates, and beside `bcftools csq`; both live with the tests."""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from collections import Counter
from importlib import import_module
from pathlib import Path

log = logging.getLogger(__name__)
_TESTS = Path(__file__).resolve().parents[1] / "tests" / "genome"


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """`fuzz_variants` random variants on random gene models, 20,000 (1,000 when quick), and `fuzz_disagreements` with the oracle.

    `csq_variants` variants of 300 genes (10,000; 1,000), on `csq_equal` of which bcftools says the same in every transcript;
    `csq_explained` are those whose differences a fact of the edited sequence explains (`csq_differences`), which the log counts
    by reason, and `csq_unexplained` the rest.
    """
    figures: dict[str, float | int | None] = dict.fromkeys(
        (
            "fuzz_variants",
            "fuzz_disagreements",
            "csq_variants",
            "csq_equal",
            "csq_explained",
            "csq_unexplained",
        )
    )
    if not _TESTS.is_dir():
        log.warning("consequences: need the repository's tests beside the package, got none at %s", _TESTS)
        return figures
    sys.path.insert(0, str(_TESTS))
    try:
        with tempfile.TemporaryDirectory() as folder:
            fuzz = import_module("test_consequence_fuzz")
            judged, differing = fuzz.disagreements(Path(folder) / "fuzz", 1, 1_000 if quick else 20_000)
            figures |= {"fuzz_variants": judged, "fuzz_disagreements": len(differing)}
            if shutil.which("bcftools") is None:
                log.warning("consequences: need bcftools, got none on the path")
                return figures
            csq = import_module("test_consequence_csq")
            found = csq.compared(Path(folder), 7, 300, 1_000 if quick else 10_000)
    finally:
        sys.path.remove(str(_TESTS))
    for why, n in Counter(why for _, why in found.differing).most_common():
        log.info("csq: %d × %s", n, why or "unexplained")
    unexplained = len({f.variant for f in found.unexplained})
    return figures | {
        "csq_variants": found.variants,
        "csq_equal": found.equal,
        "csq_explained": found.variants - found.equal - unexplained,
        "csq_unexplained": unexplained,
    }
