"""Every example in a docstring, a page or a notebook is executed."""

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import flowgraph
from tools import notebooks

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), *(ROOT / "notebooks").glob("*.md")])
NOTEBOOKS = notebooks.paths()
MODULES = sorted(m.name for m in pkgutil.walk_packages(flowgraph.__path__, "flowgraph.") if "__main__" not in m.name)
BLOCK = re.compile(r"^([ ]*)```python\n(.*?)^[ ]*```", re.MULTILINE | re.DOTALL)


def blocks(page):
    """The Python of a page, without the margin of a list."""
    for margin, code in BLOCK.findall(page.read_text()):
        yield re.sub(f"^{margin}", "", code, flags=re.MULTILINE)


SLOW = {"gradient-tests-in-ci.md"}
"""Pages that check functions of every framework, in several seconds."""

MARKED = [
    pytest.param(page, marks=pytest.mark.slow if page.name in SLOW else ())
    for page in PAGES
    if page.name != "gallery.md"  # the lines of its boxes are tried in tests/rendering/test_box_code.py
]


@pytest.mark.no_cover  # what pages show has tests of its own
@pytest.mark.parametrize("page", MARKED, ids=lambda page: page.relative_to(ROOT).as_posix().removeprefix("docs/"))
def test_the_python_of_a_page_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    with contextlib.redirect_stdout(io.StringIO()):
        for code in blocks(page):
            exec(compile(code, page.name, "exec"), names)


NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")
"""In the text of an output; another machine may round it differently."""


def told(outputs):
    """The words of outputs, with a # for each number, and the numbers."""
    text = " ".join("\n".join(notebooks.texts(outputs)).split())
    return NUMBER.sub("#", text), [float(one) for one in NUMBER.findall(text)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_shows_what_a_run_gives(path):
    """In words and numbers; of pictures and pages only that they are there: their text varies with matplotlib."""
    notebook = notebooks.read(path)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell, outputs in zip(cells, notebooks.executed(notebook), strict=True):
        assert notebooks.kinds(outputs) == notebooks.kinds(cell["outputs"]), cell["id"]
        if notebooks.VARIES in cell["metadata"].get("tags", ()):
            continue
        (words, numbers), (stored, stored_numbers) = told(outputs), told(cell["outputs"])
        assert words == stored, f"{cell['id']}: run python -m tools.notebooks, if this is meant"
        np.testing.assert_allclose(numbers, stored_numbers, rtol=0.05, atol=2e-3, err_msg=cell["id"])


def test_another_output_is_seen():
    cell = {"cell_type": "code", "id": "one", "source": ["print('loss', 0.25)\n", "[1, 2]"]}
    (outputs,) = notebooks.executed({"cells": [cell]})
    assert told(outputs) == ("loss # [#, #]", [0.25, 1, 2])
    assert notebooks.kinds(outputs) == ["stdout", "text/plain"]


def test_the_notebooks_cover_every_slide_in_order_with_a_picture():
    slides = [pair for path in NOTEBOOKS for pair in notebooks.slides(notebooks.read(path)).items()]
    assert [number for number, _ in slides] == list(range(1, 40)), "the lecture has 39 headings, its title included"
    for number, (_, _, cells) in slides:
        assert any("image/svg+xml" in notebooks.kinds(cell["outputs"]) for cell in cells), f"slide {number}: no picture"
    assert notebooks.table() in (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")


def test_the_notebooks_are_small_and_their_cells_have_ids():
    assert sum(path.stat().st_size for path in NOTEBOOKS) < 3e6
    ids = [cell["id"] for path in NOTEBOOKS for cell in notebooks.read(path)["cells"]]
    assert len(set(ids)) > len(ids) - 2 * len(NOTEBOOKS)  # each has an intro and a setup
    assert all(re.fullmatch(r"[\w-]{1,64}", one) for one in ids)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_docstrings_are_true(module):
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert not result.failed


READ_BY_THE_ENGINE = {"child_names", "variadic", "settings", "has_bprop", "takes_needs"}
"""What is found out of a class when it is defined, and not declared."""


def test_the_guide_of_box_authors_lists_every_declaration():
    """All class variables that a box inherits, what the boxes of the package override, and what is read by its name."""
    own = [cls for cls in flowgraph.registry.values() if cls.__module__.startswith("flowgraph.boxes.")]
    bases = [cls for cls in flowgraph.Elementwise.__mro__ if cls.__module__.startswith("flowgraph.")]
    variables = {
        name for cls in bases for name, kind in vars(cls).get("__annotations__", {}).items() if "ClassVar" in kind
    }
    inherited = {name for cls in bases for name in vars(cls)}
    own_names = {
        name for cls in own for one in cls.__mro__ if one not in bases for name in vars(one).keys() - cls.settings
    }
    overridden = own_names & inherited
    declared = {name for name in variables | overridden if not name.startswith("_")} - READ_BY_THE_ENGINE
    assert {"kinks", "flops", "slopes_of", "check_settings"} <= declared
    table = re.findall(r"^\| (.*?) \|", (ROOT / "docs" / "box-author-guide.md").read_text(encoding="utf-8"), re.M)
    listed = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    lacking = (declared | {"bprop", "needs", "from_numpy", "abstract"}) - listed
    assert not lacking, f"docs/box-author-guide.md: its table lacks {', '.join(sorted(lacking))}"


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
