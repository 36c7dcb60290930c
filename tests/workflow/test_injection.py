"""No name, path or value of a configuration becomes a command of its own or leaves the folder of results."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from snakemake.utils import format as snakemake_format

from photo51.config.model import ActivationParams
from photo51.config.report import ReportParams
from photo51.config.run import Config
from photo51.genome.preparation.samples import read_genomes
from photo51.types import InputError

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
# What may stand in a command without quotes: numbers, and options that common.smk has quoted one by one.
NUMBERS = {"threads", "params.parts", "params.code", "wildcards.part"}
OPTIONS = {
    "params.aliases", "params.external", "params.known", "params.lock", "params.others", "params.published", "params.scorers", "params.random",
    "params.sets", "params.unseen", "params.vectors", "params.words",
}  # fmt: skip
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
NASTY = [
    "; touch hit",
    "$(touch hit)",
    "`touch hit`",
    "a b",
    "'",
    '"',
    "\n",
    "&& touch hit",
    "| touch hit",
    "{threads}",
    "*",
]
OUTSIDE = ["..", "../x", "/etc/x", "a/b", "a/../..", ".", "", "-rf", "~", "a\\b"]


def shell_lines(text):
    """Commands of a rules file: the strings after `shell:`, joined as Python joins them."""
    for block in re.findall(r"\n\s+shell:\n((?:\s+[rf]*\".*\"\n?)+)", text):
        yield "".join(re.findall(r"\"(.*)\"", block))


@pytest.mark.parametrize("path", RULES, ids=lambda p: p.stem)
def test_every_value_in_a_command_is_quoted(path):
    text = path.read_text()
    lines = list(shell_lines(text))
    assert len(lines) == text.count("shell:")
    for line in lines:
        for field in re.findall(r"(?<!\{)\{([^{}]+)\}", line):
            assert field.endswith(":q") or field in NUMBERS | OPTIONS, f"{path.name}: {{{field}}} in {line}"


def test_options_are_quoted_where_they_are_made():
    """`option()` is the only way by which free text reaches a command unquoted; the other makers join checked names."""
    common = (ROOT / "workflow" / "rules" / "common.smk").read_text()
    body = common[common.index("def option(") :].split("\n\n\n")[0]
    made = {"shlex": shlex}
    exec(body, made)
    for nasty in NASTY + OUTSIDE[:4]:
        assert shlex.split(made["option"]("--x", nasty)) == ["--x", nasty]


@given(TEXT, TEXT)
@settings(deadline=None, max_examples=200)
def test_quoting_gives_a_command_exactly_the_words_that_were_meant(value, other):
    line = snakemake_format("photo51 x {params[0]:q} {params[1]:q} > {log:q}", params=[value, other], log="a b")
    assert shlex.split(line) == ["photo51", "x", value, other, ">", "a b"]


@given(st.lists(st.sampled_from(NASTY), min_size=1, max_size=3).map("".join))
@settings(deadline=None, max_examples=25)
def test_a_shell_runs_nothing_of_what_parameters_say(nasty):
    settled = ReportParams(title=nasty)
    given_json = json.dumps(settled.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    line = snakemake_format("printf %s {params:q}", params=given_json)
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout)["title"] == nasty


@given(TEXT)
@settings(deadline=None, max_examples=200)
def test_a_run_is_named_so_that_its_results_stay_where_they_belong(name):
    try:
        config = Config(run=name)
    except ValidationError:
        return
    inside = (Path("/r/results") / config.run).resolve()
    assert inside.parent == Path("/r/results")
    assert shlex.quote(config.run) == config.run


@pytest.mark.parametrize("name", NASTY + OUTSIDE)
def test_names_that_would_leave_the_folder_or_end_a_command_are_refused(name):
    with pytest.raises(ValidationError):
        Config(run=name)
    with pytest.raises(ValidationError):
        Config.model_validate({"steering": {name: {"target": "f1", "prompt": "ACGT"}}})
    with pytest.raises(ValidationError):
        Config.model_validate({"comparisons": {name: {"sets": ["a"]}}})
    with pytest.raises(ValidationError):
        Config.model_validate({"cohorts": {name: {"panel": "p.tsv"}}})
    with pytest.raises(ValidationError):
        ActivationParams(sites=(name,))


def test_a_name_that_ends_in_a_line_break_is_refused():
    with pytest.raises(ValidationError):
        Config.model_validate({"steering": {"a\n": {"target": "f1", "prompt": "ACGT"}}})


@pytest.mark.parametrize("name", [n for n in NASTY + OUTSIDE if "\n" not in n and n])
def test_genomes_and_sets_of_variants_are_named_like_that_too(name, tmp_path):
    (tmp_path / "g.fa").write_text(">a\nACGT\n")
    (tmp_path / "v.vcf").write_text("")
    sheet = tmp_path / "genomes.tsv"
    sheet.write_text(f"genome\tsequence\n{name}\tg.fa\n")
    with pytest.raises(InputError):
        read_genomes(sheet)
    if "=" not in name and ";" not in name:
        sheet.write_text(f"genome\tsequence\tvariants\nx\tg.fa\t{name}=v.vcf\n")
        with pytest.raises(InputError):
            read_genomes(sheet)


def test_nothing_from_outside_is_unpickled():
    """Pickles can run anything: only `torchfile`, which imports nothing, and `weights_only` loading may open them."""
    allowed = {"model/checkpoints/torchfile.py", "sae/formats/foreign.py"}
    for path in (ROOT / "src" / "photo51").rglob("*.py"):
        text = path.read_text()
        name = path.relative_to(ROOT / "src" / "photo51").as_posix()
        for call in re.findall(
            r"\b(?:pickle\.loads?|joblib\.load|np\.load|torch\.load)\([^\n]*(?:\n[^\n]*){0,3}", text
        ):
            safe = "weights_only=True" in call or (call.startswith("np.load") and "allow_pickle=True" not in call)
            assert safe or name in allowed, f"{name}: {call}"
        assert "shell=True" not in text, name
        assert not re.search(r"\b(?:os\.system|eval)\(", text.replace(".eval(", "")), name
