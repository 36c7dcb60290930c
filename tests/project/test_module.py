"""The workflow as a module of somebody else's: Snakemake's `module` with a local path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.workflow
SNAKEFILE = """
configfile: "mine.yaml"

module photo51:
    snakefile: "{root}/workflow/Snakefile"
    config: config

use rule * from photo51 as photo51_*

rule all:
    default_target: True
    input: rules.photo51_all.input
"""


def test_the_workflow_is_a_module_in_any_folder(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(root=ROOT))
    (tmp_path / "mine.yaml").write_text(
        "run: theirs\ngenomes: config/examples/nano.tsv\nactivations: {model: 'sh2:nano', sites: [block.3.out]}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--quiet", "progress", "--cores", "1"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert "photo51_report" in said
