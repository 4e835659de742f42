"""Folders stand in one order; a file imports its own and those before it: at import, in a call, for types."""

import ast
from pathlib import Path

import pytest

import flowgraph

ORDER = (
    "printable", "errors", "shapes", "box", "boxes", "graph", "derivatives", "debugging", "saving", "plan",
    "functional", "checking", "rendering", "mutation", "data", "training", "demo", "experiment", "search",
    "interop", "cli",
)  # fmt: skip
ANYWHERE = ("starting", "__version__")
"""What imports nothing of flowgraph."""

UPWARD = {"graph/pictures.py"}
"""Files that may import any folder, inside functions and for types only."""

HOME = Path(flowgraph.__file__).parent
FILES = sorted(path.relative_to(HOME).as_posix() for path in HOME.rglob("*.py") if path.parent != HOME)


def imported(tree):
    """The names of modules of flowgraph that a piece of code imports, without the first part."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            module = str(node.module)
            found = [f"flowgraph.{alias.name}" for alias in node.names] if module == "flowgraph" else [module]
        else:
            continue
        yield from (name.removeprefix("flowgraph.") for name in found if name.startswith("flowgraph."))


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_its_own_folder_and_those_before_it(file):
    tree = ast.parse((HOME / file).read_text(encoding="utf-8"))
    if file in UPWARD:
        tree = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    place = ORDER.index(file.split("/")[0])
    above = {name for name in imported(tree) if name.split(".")[0] not in (*ORDER[: place + 1], *ANYWHERE)}
    assert not above, f"{file}: imports {', '.join(sorted(above))}, which may import it"


def test_the_order_names_each_folder_and_nothing_else():
    rooms = {path.name for path in HOME.iterdir() if (path / "__init__.py").exists()}
    assert rooms == set(ORDER) - {"errors", "printable"}
    assert {file for file in UPWARD if (HOME / file).exists()} == UPWARD


def test_what_is_above_is_seen(tmp_path):
    code = "def f():\n    from flowgraph.plan import bind\n    from flowgraph import rendering\n"
    assert list(imported(ast.parse(code))) == ["plan", "rendering"]
