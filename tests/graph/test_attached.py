"""What rooms attach to graphs, runs, gradients and plans: the engine does not name it, and type checkers see it."""

import ast
from pathlib import Path
from types import FunctionType

import pytest

import flowgraph as fg
from flowgraph.box.attached import attached_to

HOME = Path(fg.__file__).parent
OWNERS = {"OnBox": fg.Box, "OnGraph": fg.Graph, "OnRun": fg.Run, "OnGrads": fg.Grads, "OnPlan": fg.Plan}
HEART = ("shapes", "box", "boxes", "graph", "derivatives")


def seen_by_type_checkers():
    """For each class of attached.pyi, the classes of methods that it inherits from."""
    tree = ast.parse((HOME / "box" / "attached.pyi").read_text(encoding="utf-8"))
    modules = {a.name: node.module for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names = [ast.unparse(base) for base in node.bases]
            rooms = [__import__(modules[name], fromlist=[name]) for name in names]
            yield node.name, [getattr(room, name) for room, name in zip(rooms, names, strict=True)]


SEEN = dict(seen_by_type_checkers())


def methods_of(cls):
    return {name: method for name, method in vars(cls).items() if isinstance(method, FunctionType)}


@pytest.mark.parametrize("base", OWNERS)
def test_type_checkers_see_what_is_attached(base):
    seen = {name: method for cls in SEEN[base] for name, method in methods_of(cls).items()}
    assert {name: getattr(OWNERS[base], name) for name in seen} == seen


def test_nothing_else_is_attached():
    seen = {cls for classes in SEEN.values() for cls in classes}
    for path in HOME.rglob("methods.py"):
        declared = {n.name for n in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(n, ast.ClassDef)}
        assert declared <= {cls.__name__ for cls in seen}, f"{path}: attached.pyi does not tell of it"


def attached_names():
    return {name for classes in SEEN.values() for cls in classes for name in methods_of(cls)}


def test_the_heart_names_nothing_that_is_attached():
    names = attached_names()
    assert {"render", "animate", "explain", "to_dot", "_repr_svg_", "_repr_html_", "explain_nan"} <= names
    for room in HEART:
        for path in (HOME / room).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
            read = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
            assert not names & (defined | read), f"{path}: names {names & (defined | read)}"


def test_a_name_is_attached_once():
    class Owner:
        pass

    class Methods:
        def draw(self):
            return "drawn"

    attached_to(Owner)(Methods)
    assert Owner().draw() == "drawn"
    with pytest.raises(AssertionError, match=r"Owner\.draw: attached twice"):
        attached_to(Owner)(Methods)
