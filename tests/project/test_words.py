"""Names say what they hold, in the field's words: held here so that they stay."""

import ast
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from typer.main import get_command

import photo51
from photo51.cli import app

PACKAGE = Path(photo51.__file__).parent
SAYING_NOTHING = (
    "found made given asked wanted kept held own some here where which at of it said known told most least how seen"
)
ROOT = Path(__file__).parents[2]
VAGUE = frozenset(re.findall(r"\w+", SAYING_NOTHING))
GONE = frozenset(
    [
        "rival",
        "rivals",
        "exam",
        "examine",
        "examined",
        "dossier",
        "storey",
        "reckon",
        "dealt",
        "clumping",
        "ledger",
        "battery",
        "retile",
        "retiled",
        "stretch",
        "stretches",
        "anew",
        "beside",
        "oracle",
        "oracles",
        "turned",
    ]
)
"""Words of our own for which the field has another: baseline, evaluation, feature page, layer, estimate, split,
autocorrelation time, replication, positive controls, window offsets, segment, again, next to, scorer.
"""


PHRASES = re.compile(
    r"\b(ledgers?|battery|retiled?|stretch(es)?|oracles?|rivals?|exams?|examine[sd]?|storeys?|reckon(s|ed)?|dealt"
    r"|clumping|anew|beside|held against|goes? on|unnamed queue|turned (copies|features|selves)|spliced in(to)?"
    r"|dossiers?|strays)\b",
    re.IGNORECASE,
)
"""What nobody should read on a page, in a message or in `--help`."""


def bound_names(tree: ast.AST) -> list[str]:
    """Every name that an assignment, an argument, a loop or a `with` binds."""
    names = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return names + [n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)]


def modules() -> dict[str, ast.Module]:
    return {str(p.relative_to(PACKAGE)): ast.parse(p.read_text(encoding="utf-8")) for p in PACKAGE.rglob("*.py")}


def test_few_names_say_nothing_of_what_they_hold():
    names = [(path, name) for path, tree in modules().items() for name in bound_names(tree)]
    vague = Counter(path for path, name in names if name in VAGUE)
    assert sum(vague.values()) <= 0.003 * len(names), vague.most_common(10)


def test_the_measure_sees_every_kind_of_binding():
    source = (
        "def f(found, *, kept=1):\n    made: int = 2\n    for own in []:\n        pass\n    return lambda seen: 0\n"
    )
    assert sorted(set(bound_names(ast.parse(source))) & VAGUE) == ["found", "kept", "made", "own", "seen"]


def test_words_that_the_field_has_no_use_for_stay_gone():
    names = defaultdict(set)
    for path, tree in modules().items():
        named = [n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        for name in [*bound_names(tree), *named]:
            if {w.lower() for w in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)} & GONE:
                names[path].add(name)
    assert not names


def test_a_public_name_has_one_home():
    homes = defaultdict(set)
    for path, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith(
                "_"
            ):
                homes[node.name].add(path)
    doubled = {name: sorted(paths) for name, paths in homes.items() if len(paths) > 1}
    assert len(doubled) < 20, doubled


def texts(tree: ast.AST) -> list[str]:
    """Strings of more than a word that are no docstrings: what a user may read."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = [n.body[0] for n in ast.walk(tree) if isinstance(n, documented) and n.body]
    docstrings = {id(s.value) for s in first if isinstance(s, ast.Expr)}
    strings = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return [s.value for s in strings if " " in s.value and id(s) not in docstrings]


def refused(shown: str) -> list[str]:
    return [m[0] for m in PHRASES.finditer(shown)]


def test_messages_and_descriptions_are_in_the_fields_words():
    shown = {path: texts(tree) for path, tree in modules().items()}
    assert sum(map(len, shown.values())) > 2_000
    assert {p: phrases for p, lines in shown.items() if (phrases := [w for s in lines for w in refused(s)])} == {}


def test_help_is_in_the_fields_words():
    commands = get_command(app).commands
    shown = {n: [c.help or "", *(getattr(p, "help", None) or "" for p in c.params)] for n, c in commands.items()}
    assert {n: phrases for n, lines in shown.items() if (phrases := [w for s in lines for w in refused(s)])} == {}


@pytest.mark.parametrize(
    ("pattern", "but"),
    [
        ("README.md", ""),
        ("config/**/*.md", ""),
        ("resources/**/README.md", ""),
        ("workflow/report/*.rst", ""),
        ("workflow/rules/*.smk", ""),
        ("src/photo51/report/templates/**/*.html.j2", "dossier"),  # an id in the page
        ("notebooks/*.py", ""),
        ("src/photo51/studio/static/*.[jh][st]*", ""),
        ("src/photo51/widgets/static/*.js", ""),
    ],
)
def test_pages_are_in_the_fields_words(pattern, but):
    paths = list(ROOT.glob(pattern))
    assert paths
    found = {str(p): {w for w in refused(p.read_text(encoding="utf-8")) if w.lower() != but} for p in paths}
    assert {p: phrases for p, phrases in found.items() if phrases} == {}


@pytest.mark.parametrize(
    "text", ["an oracle", "Beside it", "it goes on", "turned copies", "the ledger", "spliced into"]
)
def test_the_measure_sees_a_phrase_that_is_refused(text):
    tree = ast.parse(f'''"""beside"""\nraise ValueError(f"{{1}} and {text}")''')
    assert len([w for s in texts(tree) for w in refused(s)]) == 1
