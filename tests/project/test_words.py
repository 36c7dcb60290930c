"""Names say what they hold, in the field's words: held here so that they stay."""

import ast
import re
from collections import Counter, defaultdict
from pathlib import Path

import photo51

PACKAGE = Path(photo51.__file__).parent
SAYING_NOTHING = (
    "found made given asked wanted kept held own some here where which at of it said known told most least how seen"
)
VAGUE = frozenset(re.findall(r"\w+", SAYING_NOTHING))
GONE = {"rival", "rivals", "exam", "examine", "examined", "dossier", "storey", "reckon", "dealt", "clumping"}
"""Words of our own for which the field has another: baseline, evaluation, feature page, layer, estimate, split, …"""


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
