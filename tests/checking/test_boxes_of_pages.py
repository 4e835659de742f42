"""What a page shows runs: each box class of a page goes through the engine in float32 and in float64."""

import ast
import math

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.cases import cases
from tests.registry import unregister
from tools import pages

OF_ONE_SHAPE = {"Last"}  # of three columns, which its page says
METHODS = {"fprop", "bprop"}


def classes_on(page):
    """The classes with fprop and bprop in the blocks of a page, as parsed text."""
    for block in pages.blocks(page):
        if block.language == "python":
            for node in ast.parse(block.text).body:
                if isinstance(node, ast.ClassDef) and {getattr(part, "name", "") for part in node.body} >= METHODS:
                    yield node


SHOWN = [(page, node) for page in pages.pages() for node in classes_on(page) if node.name not in OF_ONE_SHAPE]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("page", "node"), SHOWN, ids=[f"{pages.name(page)}:{node.lineno}-{node.name}" for page, node in SHOWN]
)
def test_a_box_class_of_a_page_runs_in_each_dtype(page, node, dtype):
    names = {"np": np, "fg": fg, "math": math}
    exec(compile(ast.Module([node], []), str(page), "exec"), names)
    cls = unregister(names[node.name])
    for case in cases(cls):
        floats = [x.astype(dtype) if x.dtype.kind == "f" else x for x in case.children]
        left = [k for k, name in enumerate(cls.child_names) if name in cls.not_implemented_children]
        children = [fg.Parameter(x) if x.dtype == dtype and k not in left else x for k, x in enumerate(floats)]
        run = fg.Graph(fg.sum(cls(*children, **case.settings))).fprop()
        grads = run.bprop(unused="zeros")
        assert all(grads[child].dtype == dtype for child in children if isinstance(child, fg.Parameter))


def test_the_pages_show_boxes():
    assert len(SHOWN) > 15
