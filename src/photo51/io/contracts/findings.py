"""The table of what a run claims."""

from photo51.io.tables import Column, TableSpec

FINDINGS = TableSpec(
    "findings",
    "one claim of the run with its null",
    {
        "section": Column("str", "part of the run it is about: anchor of a section of the report"),
        "finding": Column("str", "which claim it is, the same in every run"),
        "about": Column("str", "set of variants, cohort or check it is about; empty where it is about the run"),
        "claim": Column("str", "the claim, a sentence"),
        "verdict": Column(
            "str",
            "yes: beats its negative control; no: does not; untested: could not be told; described: a number without a"
            " test",
        ),
        "value": Column("float", "what was measured: a count of `of`, a share, an AUROC, an inflation"),
        "of": Column("float", "what `value` is a count of; missing for what is no count"),
        "null": Column("float", "the same where there is nothing to find; missing where the null is no number"),
        "n": Column("int", "what it was measured on: classes, features, groups, variants, pairs"),
        "p": Column(
            "float",
            "probability of as much where there is nothing to find; missing where q-values or an interval decide",
        ),
        "value_text": Column("str", "`value` with its unit; [[term]] is a term of the glossary"),
        "null_text": Column("str", "what it is compared with, in words"),
        "n_text": Column("str", "`n` in words"),
    },
)
