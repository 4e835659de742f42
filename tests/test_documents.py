"""Every example in a docstring, a page or a notebook is executed."""

import doctest
import functools
import importlib
import itertools
import os
import pkgutil
import re
import sys
from pathlib import Path

import pytest
import yaml

import flowgraph
from tests.releases import is_older
from tools import docs_alone, environments, notebooks, pages

ROOT = Path(__file__).parent.parent
NOTEBOOKS = notebooks.paths()
MODULES = sorted(m.name for m in pkgutil.walk_packages(flowgraph.__path__, "flowgraph.") if "__main__" not in m.name)

LONG = {"gradient-tests-in-ci.md", "model-selection.md"}
"""Pages that check functions of every framework, or train many networks."""

NEWER = {"array-api.md": ("scipy", "1.18")}
"""Pages that need a newer release of a peer than the lowest that is promised."""

RUN = [
    pytest.param(page, marks=pytest.mark.sampled(one_in=30 if page.name in LONG else 20), id=pages.name(page))
    for page in pages.pages()
    if page.name not in docs_alone.NOT_RUN and pages.stages(page)
]


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """What makes an environment for a page, out of the one that runs the tests."""
    if os.name != "posix":
        return lambda needed: Path(sys.executable)
    return functools.partial(environments.linked, tmp_path_factory.mktemp("environments"))


@pytest.mark.no_cover  # what pages show has tests of its own
@pytest.mark.parametrize("page", RUN)
def test_a_page_runs_with_what_it_installs_alone(page, environment, pytestconfig):
    if page.name in NEWER and is_older(*NEWER[page.name]):
        pytest.skip(f"the page needs {' '.join(NEWER[page.name])} or newer, as it says")
    try:
        failures = docs_alone.failures(page, environment, pytestconfig.getoption("pythonwarnings") or ())
    except environments.NotInstalledError as missing:
        if str(missing) != "torch":
            raise
        pytest.skip("the page installs PyTorch, which is not installed here")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("page", pages.pages(), ids=pages.name)
def test_the_language_of_a_block_says_what_becomes_of_it(page):
    """So that nothing is left out by the way: it runs, it is an output of what runs, or it is shown as a text."""
    every = pages.blocks(page)
    for block in every:
        text = f"{page.name}:{block.line}: found {block.language!r}, needs one of {', '.join(pages.LANGUAGES)}"
        assert block.language in pages.LANGUAGES, text
    for before, block in itertools.pairwise([None, *every]):
        if block.language == "output":
            above = before.language if before else None
            assert above in pages.RUN, f"{page.name}:{block.line}: an output of nothing"


def test_a_workflow_to_copy_runs_what_the_page_runs():
    found = 0
    for page in pages.pages():
        every = pages.blocks(page)
        run = {command.partition("#")[0].strip() for block in every if block.language == "sh"
               for command, _, _ in block.commands()}  # fmt: skip
        for block in every:
            if block.language == "yaml":
                steps = [step for job in yaml.safe_load(block.text)["jobs"].values() for step in job["steps"]]
                commands = [step["run"] for step in steps if "run" in step]
                assert {command for command in commands if not command.startswith("pip ")} <= run
                found += len(commands)
    assert found


def test_every_command_that_is_not_run_is_on_a_page():
    commands = [one for page in pages.pages() for block in pages.blocks(page) if block.language in ("sh", "console")
                for one, _, _ in block.commands()]  # fmt: skip
    assert {docs_alone.elsewhere(command) for command in commands} - {None} == docs_alone.ELSEWHERE.keys()


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_shows_what_a_run_gives(path):
    """In words and numbers; of pictures and pages only that they are there: their text varies with matplotlib."""
    notebook = notebooks.read(path)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell, outputs in zip(cells, notebooks.executed(notebook), strict=True):
        assert notebooks.kinds(outputs) == notebooks.kinds(cell["outputs"]), cell["id"]
        if notebooks.VARIES in cell["metadata"].get("tags", ()):
            continue
        stored, printed = ("\n".join(notebooks.texts(one)) for one in (cell["outputs"], outputs))
        changed = pages.difference(stored, printed)
        assert changed is None, f"{cell['id']}: run python -m tools.notebooks, if this is meant\n{changed}"


def test_another_output_is_seen():
    cell = {"cell_type": "code", "id": "one", "source": ["print('loss', 0.25)\n", "[1, 2]"]}
    (outputs,) = notebooks.executed({"cells": [cell]})
    printed = "\n".join(notebooks.texts(outputs))
    assert pages.difference("loss 0.25 [1, 2]", printed) is pages.difference("loss ... [1, 2]", printed) is None
    for other in ("loss 0.35 [1, 2]", "lost 0.25 [1, 2]", "loss 0.25", "loss 0.25 [1, 2] 3"):
        assert pages.difference(other, printed)
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
    if "torch" in module.split("."):
        pytest.importorskip("torch")
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert not result.failed


READ_BY_THE_ENGINE = {
    "built_in", "by_element", "child_names", "constant_places", "default_settings", "has_bprop", "infers_first",
    "is_plain", "settings", "takes_needs", "variadic",
}  # fmt: skip
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


def test_every_box_with_a_gradient_states_its_formula():
    bare = [
        name
        for name, cls in flowgraph.registry.items()
        if cls.__module__.startswith("flowgraph.") and not issubclass(cls, flowgraph.Leaf)
        and cls.has_bprop and not re.search(r"\w = |→", cls.__doc__ or "")
    ]  # fmt: skip
    assert not bare
