"""How much code one small graph runs through: what a reader of the engine has to follow."""

import re
from pathlib import Path

import pytest

from tools import heart

ROOT = Path(__file__).parents[2]

FILES, LINES = 20, 400


@pytest.fixture(scope="module")
def weight():
    return heart.measured("flowgraph")


def test_one_small_graph_runs_through_few_files_and_lines(weight):
    files, _, lines, _ = weight.totals
    assert files <= FILES, f"{files} files, needs {FILES} at most: {', '.join(weight.lines)}"
    assert lines <= LINES, f"{lines} lines, needs {LINES} at most; python -m tools.heart shows them by file"


def test_the_numbers_are_those_that_are_reached(weight):
    files, _, lines, _ = weight.totals
    assert files > FILES - 2, f"{files} files: lower the limit"
    assert lines > LINES - 25, f"{lines} lines: lower the limit"


def test_nothing_but_the_heart_is_run(weight):
    rooms = {name.partition("/")[0] for name in weight.lines}
    assert rooms <= {"shapes", "box", "boxes", "graph"}, "a graph is built, run and swept without any other room"


def test_the_page_that_follows_a_run_names_each_file_that_it_runs_through(weight):
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(\.\./flowgraph/([\w/.]+)\)", page))
    assert weight.lines.keys() <= linked, f"docs/design.md: no link to {sorted(weight.lines.keys() - linked)}"
    assert not [name for name in linked if not (ROOT / "flowgraph" / name).exists()]
