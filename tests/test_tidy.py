"""What the import contracts cannot show: sizes, first lines, and order in the pure core."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("orb", "controlplane", "agent", "cli")
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
PURE = (
    *(
        f"orb/{name}.py"
        for name in (
            "ids",
            "resources",
            "container",
            "spec",
            "trust",
            "work",
            "lifecycle",
            "errors",
        )
    ),
    *(f"orb/{name}.py" for name in ("cluster", "constraints", "pattern")),
    "orb/validate",
    "controlplane/state",
    "controlplane/reconcilers",
    "controlplane/scheduler",
    "controlplane/dispatcher/assignments.py",
    "agent/lifecycle.py",
    "agent/verdict.py",
)
IMPURE_CALLS = {"hash", "id", "open", "print", "input"}


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "orb/v1/" not in str(path):
                yield path


def pure_modules() -> Iterator[Path]:
    for name in PURE:
        path = ROOT / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def test_a_module_has_at_most_400_lines() -> None:
    lengths = {short(path): len(path.read_text().splitlines()) for path in modules()}

    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES_MAX} == {}


def test_a_function_has_at_most_60_lines() -> None:
    long = [
        f"{short(path)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for path in modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    ]

    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    assert [short(path) for path in modules() if not ast.get_docstring(parsed(path))] == []


def test_no_module_relies_on_the_order_of_a_set() -> None:
    """A set of strings iterates differently in every process: the replicas would differ."""
    found = [
        f"{short(path)}:{iterated.lineno} iterates over a set: sort it, or use a dict"
        for path in pure_modules()
        for node in ast.walk(parsed(path))
        for iterated in iterated_by(node)
        if makes_set(iterated)
    ]

    assert found == []


def test_the_pure_core_calls_nothing_that_differs_between_processes() -> None:
    found = [
        f"{short(path)}:{node.lineno} {node.func.id}()"
        for path in pure_modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in IMPURE_CALLS
    ]

    assert found == []


def test_nothing_is_left_to_do_without_an_issue() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    found = [
        f"{short(path)}:{number} {line.strip()}"
        for path in modules()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if any(mark in line for mark in marks)
    ]

    assert found == []


def iterated_by(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions whose order *node* depends on."""
    match node:
        case ast.For(iter=iterated) | ast.comprehension(iter=iterated):
            yield iterated
        case ast.Call(func=ast.Name(id="list" | "tuple" | "enumerate"), args=[iterated]):
            yield iterated


def makes_set(node: ast.expr) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case _:
            return False
