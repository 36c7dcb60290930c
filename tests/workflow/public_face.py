"""The examples of the public functions, run on a finished run."""

from __future__ import annotations

import doctest
from pathlib import Path

import photo51
from photo51.api import reading, results, workbench


def failed_examples(run: Path) -> list[str]:
    """Examples of docstrings that did not give what they say, as doctest reports them; and names without any example."""
    report: list[str] = []
    finder = doctest.DocTestFinder(exclude_empty=False)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)  # else -v of pytest counts
    tried = set()
    for module in (photo51, results, reading, workbench):
        for test in finder.find(module, globs={"photo51": photo51, "RUN": run}):
            runner.run(test, out=report.append)
            if test.examples:
                tried.add(test.name.rpartition(".")[2])
    public = set(photo51.__all__) - {"InputError", "Interval", "Variant"}
    report += [f"{name}: no example" for name in sorted(public - tried)]
    return report
