"""Folders stand in one order, and files import each other in no circle: at import, in a call, for types.

A file imports its own folder and those before it.
"""

import ast
import functools
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import flowgraph

ORDER = (
    "peers", "printable", "markup", "errors", "shapes", "box", "boxes", "graph", "derivatives", "debugging", "saving",
    "plan", "loops", "functional", "numpy", "scipy", "stats", "checking", "testing", "teaching", "rendering",
    "mutation", "remedies", "data", "training", "figures", "playground", "experiment", "search", "interop", "cli",
)  # fmt: skip
ANYWHERE = ("starting", "__version__")
"""What imports nothing of flowgraph."""

BACK = {
    ("training.callbacks", "training.trainer"): "a trainer calls callbacks, which are given the trainer",
}
"""The imports that close a circle, by importing and imported file, each with its reason; there are no others."""

HOME = Path(flowgraph.__file__).parent
FILES = sorted(path.relative_to(HOME).as_posix() for path in HOME.rglob("*.py") if path.parent != HOME)


def imported(tree):
    """The dotted names in flowgraph that a piece of code imports, without the first part."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            module = str(node.module)
            found = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.removeprefix("flowgraph.") for name in found if name.startswith("flowgraph."))


@functools.cache
def tree_of(file):
    """The code of a file."""
    return ast.parse((HOME / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_its_own_folder_and_those_before_it(file):
    place = ORDER.index(file.split("/")[0])
    above = {name for name in imported(tree_of(file)) if name.split(".")[0] not in (*ORDER[: place + 1], *ANYWHERE)}
    assert not above, f"{file}: imports {', '.join(sorted(above))}, which may import it"


def test_the_order_names_each_folder_and_nothing_else():
    rooms = {path.name for path in HOME.iterdir() if (path / "__init__.py").exists()}
    assert rooms == set(ORDER) - {"errors", "markup", "peers", "printable", "remedies"}


def test_what_is_above_is_seen(tmp_path):
    code = "def f():\n    from flowgraph.plan import bind\n    from flowgraph import rendering\n"
    assert list(imported(ast.parse(code))) == ["plan.bind", "rendering"]


@functools.cache
def names_imported(tree):
    """The same at once, which is asked for again for each edge."""
    return tuple(imported(tree))


def circle_in(trees, left_out=()):
    """Files that import each other in a circle, where there are any; `trees` has the code of each by dotted name."""
    imports = {}
    for file, tree in trees.items():
        files = (name if name in trees else name.rpartition(".")[0] for name in names_imported(tree))
        imports[file] = {each for each in files if each in trees and each != file and (file, each) not in left_out}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return set(error.args[1])
    return set()


@functools.cache
def trees_of_files():
    return {file.removesuffix(".py").removesuffix("/__init__").replace("/", "."): tree_of(file) for file in FILES}


def test_no_files_import_each_other_in_a_circle_but_with_a_reason():
    assert not circle_in(trees_of_files(), BACK)


def test_few_circles_have_a_reason():
    assert len(BACK) <= 6


@pytest.mark.parametrize("edge", BACK, ids="-".join)
def test_an_import_with_a_reason_closes_a_circle(edge):
    assert circle_in(trees_of_files(), BACK.keys() - {edge}), "the circle is gone; so may its reason"


@pytest.mark.parametrize(
    "back",
    [
        "from flowgraph.graph.one import One",
        "from flowgraph.graph import one",
        "def f():\n    import flowgraph.graph.one",
        "if TYPE_CHECKING:\n    from flowgraph.graph.one import One",
    ],
)
def test_a_circle_is_seen_however_it_is_imported(back):
    code = {"graph": "", "graph.one": "from flowgraph.graph.two import Two", "graph.two": back}
    assert circle_in({file: ast.parse(text) for file, text in code.items()}) == {"graph.one", "graph.two"}
