"""The contract of a view: its picture shows what its row of the table says, and code reads the row, not the name."""

import ast
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.cli.main import main
from flowgraph.rendering.compose import compose
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.views import VIEWS, Look, View

FOLDER = Path(fg.__file__).parent / "rendering"


def net():
    x, w = fg.Input("x", shape=("N", 3)), fg.Parameter(np.full((3, 2), 0.25), name="w")
    h = np.tanh(fg.MatMul(x, w).named("a")).named("h")
    graph = fg.Graph(fg.sum(h).named("loss"))
    run = graph.fprop(x=np.full((4, 3), 0.5))
    return graph, run, run.bprop(keep="all")


def drawn(view, tmp_path):
    graph, run, grads = net()
    given = {"run": run} if VIEWS[view].rows in ("values", "sizes") else {}
    given |= {"grads": grads} if VIEWS[view].rows == "sizes" else {}
    return graph.render(tmp_path / f"{view}.svg", view=view, **given).read_text()


NUMBER, SIZE = "0.358", "∇ rms"
"""tanh(3 · 0.5 · 0.25), the value of h, and the size of a gradient."""

GRADIENTS = {"∇w", "∇a", "∇h"}
"""What leads to the parameter, each said where the box is that it is computed for."""


def test_the_lists_of_views_have_each():
    assert VIEWS.keys() == {*get_args(View)}
    (option,) = [one for one in main.commands["render"].params if one.name == "view"]
    assert {*option.type.choices} == {*VIEWS}
    assert all(f'"{view}"' in fg.Graph.render.__doc__ for view in VIEWS)


def test_no_two_views_show_the_same(tmp_path):
    assert len({*VIEWS.values()}) == len(VIEWS) == len({drawn(view, tmp_path) for view in VIEWS})


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_shows_what_its_row_says(view, tmp_path):
    look = VIEWS[view]
    text = re.sub("<title>.*?</title>", "", drawn(view, tmp_path), flags=re.DOTALL)
    assert {*re.findall(r'id="box-([^"]+)"', text)} == {"x", "w", "a", "h", "loss"}
    assert (NUMBER in text, SIZE in text) == (look.rows == "values", look.rows == "sizes")
    assert {*re.findall(r">(∇\w)<", text)} == (GRADIENTS if look.rows == "derivative" else set())
    assert text.count('class="back"') == (3 if look.links == "both" else 0)
    graph, run, grads = net()
    picture = compose(Subject(graph, view, run, grads))
    assert {link.flow for link in picture.links} - {"none"} == {look.links}
    assert {"none"} <= {link.flow for link in picture.links} or look.links == "fprop", "x needs no gradient"
    assert any("heat" in tile.fill for tile in picture.tiles) == (look.fill == "heat")


def test_code_reads_what_a_view_shows_and_never_its_name():
    """A name in a comparison is what a new row of the table does not change."""
    named = []
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                of = {ast.unparse(side).rpartition(".")[2] for side in (node.left, *node.comparators)}
                words = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
                named += [ast.unparse(node)] if "view" in of and words else []
    assert named == []


@pytest.mark.parametrize("column", Look._fields)
def test_what_is_compared_with_a_column_stands_in_it(column):
    """And all that can stand there is read somewhere, but for what nothing has to be done for."""
    compared = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and ast.unparse(node.left).endswith(f"look.{column}"):
                compared |= {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
    known = {getattr(look, column) for look in VIEWS.values()}
    assert compared <= known
    assert known - compared <= {"bprop", "kind"}
