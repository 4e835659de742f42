"""Every example in a docstring, a page or a notebook is executed."""

import contextlib
import doctest
import importlib
import io
import json
import pkgutil
import re
from pathlib import Path

import pytest

import flowgraph

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = sorted(m.name for m in pkgutil.walk_packages(flowgraph.__path__, "flowgraph.") if "__main__" not in m.name)
BLOCK = re.compile(r"^([ ]*)```python\n(.*?)^[ ]*```", re.MULTILINE | re.DOTALL)


def blocks(page):
    """The Python of a page, without the margin of a list."""
    for margin, code in BLOCK.findall(page.read_text()):
        yield re.sub(f"^{margin}", "", code, flags=re.MULTILINE)


SLOW = {"gradient-tests-in-ci.md"}
"""Pages that check functions of every framework, in several seconds."""

MARKED = [pytest.param(page, marks=pytest.mark.slow if page.name in SLOW else ()) for page in PAGES]


@pytest.mark.parametrize("page", MARKED, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    with contextlib.redirect_stdout(io.StringIO()):
        for code in blocks(page):
            exec(compile(code, page.name, "exec"), names)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.name)
def test_a_notebook_runs(notebook, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "notebook"}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in json.loads(notebook.read_text())["cells"]:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), notebook.name, "exec"), names)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_docstrings_are_true(module):
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert not result.failed


def test_every_public_name_has_a_docstring():
    bare = [name for name in flowgraph.__all__ if not getattr(getattr(flowgraph, name), "__doc__", None)]
    assert not bare


def test_every_box_with_a_gradient_states_its_formula():
    bare = [
        name
        for name, cls in flowgraph.registry.items()
        if cls.__module__.startswith("flowgraph.") and not issubclass(cls, flowgraph.Leaf)
        and cls.has_bprop and not re.search(r"\w = |→", cls.__doc__ or "")
    ]  # fmt: skip
    assert not bare
