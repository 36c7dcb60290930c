"""Rules and records: a rule that calls a stage declares the files its record writes, and waits for those it reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from photo51.cli.stage import STAGES
from photo51.run.layout import MAIN, run_file

ROOT = Path(__file__).resolve().parents[2]
RULES = {
    found[1]: found[0]
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    for found in re.finditer(r"^ *rule (\w+):\n(?:(?!^ *rule ).*\n)+", path.read_text() + "\n", flags=re.M)
}
CALLS = {
    name: command[1]
    for name, text in RULES.items()
    if (command := re.search(r"photo51 ([a-z-]+) \{params\.run", text)) and command[1] in STAGES
}


def files(text, block, *, marks=False):
    """Files of a run that a rule declares as its input or output; with the marks of finished parts, or without."""
    found = re.search(rf"^( +){block}:\n((?:\1 +.*\n)+)", text, flags=re.M)
    paths = re.findall(r"\"<results>/([^\"]+)\"", found[2]) if found else []
    return {p for p in paths if marks or not p.startswith(".done/")}


def patterns(names):
    """Files by their names in the layout, as rules may write them: with the wildcard, or of the run's own dictionary."""
    return [{run_file(n).pattern, run_file(n).fill(sae=MAIN)} for n in names]


def upstream(name):
    """Everything that has to be there before a rule is run: its inputs, and what those are made of."""
    makers = {
        re.sub(r"\{\w+\}", "*", f): rule for rule, text in RULES.items() for f in files(text, "output", marks=True)
    }
    makers |= {re.sub(r"\{sae\}|/main", "/*", f).replace("//", "/"): r for f, r in list(makers.items())}
    seen, front, followed = set(), [name], set()
    while front:
        text = RULES[front.pop()]
        if re.search(r"^ +(activation_parts|concept_baselines),", text, flags=re.M) and "activations" not in followed:
            followed.add("activations")
            front.append("activations")
        for file in files(text.replace("{{", "{").replace("}}", "}"), "input", marks=True) - seen:
            seen.add(file)
            keys = {re.sub(r"\{\w+\}", "*", file), file.replace("/main/", "/*/")}
            before = [makers[k] for k in keys if k in makers]
            front += before
            seen |= {file for rule in before for file in files(RULES[rule], "output")}
    return seen


def test_the_rules_call_the_stages():
    assert len(set(CALLS.values())) > 25
    assert {"enrich", "encode", "variants", "geometry", "report"} <= set(CALLS.values())


@pytest.mark.parametrize("name", CALLS)
def test_a_rule_declares_what_its_record_writes(name):
    stage, text = STAGES[CALLS[name]], RULES[name]
    declared = files(text, "output")
    if ".done/" in text.split("output:")[1].split("log:")[0]:
        assert not declared  # a part; the whole is declared where parts are joined
        return
    written = patterns(stage.writes)
    assert len(declared) == len(written)
    assert all(declared & ways for ways in written), declared


@pytest.mark.parametrize("name", CALLS)
def test_a_rule_waits_for_what_its_record_reads(name):
    stage, before = STAGES[CALLS[name]], {f.replace("/main/", "/{sae}/") for f in upstream(name)}
    made_by_function = {
        "activations",
        "dictionary_card",
        "classifiers",
        "compared_variants",
        "codes",
        "features",
    }
    for read in set(stage.reads) - made_by_function:
        assert any(ways & (before | upstream(name)) for ways in patterns([read])), (read, sorted(before))
