"""`make quick` runs the tests of the engine and draws from those of what is built on it."""

from collections import Counter
from pathlib import Path

import pytest

from tests import quick

ROOT = quick.TESTS.parent


class Item:
    """What the choice looks at in a test."""

    def __init__(self, name, *marks):
        self.nodeid = name
        self.path = ROOT / name.partition("::")[0]
        self.marks = marks

    def get_closest_marker(self, name):
        """As pytest's."""
        return name if name in self.marks else None


def items(folder, count=1000, *marks):
    return [Item(f"tests/{folder}test_it.py::test_{number}", *marks) for number in range(count)]


@pytest.mark.parametrize("folder", ["", *(f"{folder}/" for folder in quick.ENGINE)])
def test_of_the_engine_every_test_is_run(folder):
    assert len(quick.chosen(items(folder))) == 1000


@pytest.mark.parametrize("folder", quick.ABOVE)
def test_of_what_stands_above_some_are_run_and_others_by_the_next_commit(folder):
    each = items(f"{folder}/deeper/")
    first, second = ({item.nodeid for item in quick.chosen(each, seed)} for seed in (1, 2))
    assert first == {item.nodeid for item in quick.chosen(each, 1)}
    assert 10 < len(first) < 100
    assert len(first & second) < len(first) / 2


@pytest.mark.parametrize("mark", ["slow", "no_cover"])
def test_none_that_takes_long_is_run(mark):
    assert not quick.chosen(items("graph/", 10, mark))


def test_folders_are_those_that_there_are():
    folders = {path.name for path in quick.TESTS.iterdir() if path.is_dir()}
    assert {*quick.ENGINE, *quick.ABOVE} <= folders
    left_out = {name for name in folders if quick.is_left_out(quick.TESTS / name)}
    assert left_out == folders - {*quick.ENGINE, *quick.ABOVE}
    assert not quick.is_left_out(quick.TESTS / "boxes" / "shape")
    assert not quick.is_left_out(quick.TESTS / "test_lecture.py")


def test_each_test_is_drawn_as_often_as_any_other():
    times = Counter(item.nodeid for seed in range(500) for item in quick.chosen(items("plan/", 40), seed))
    assert len(times) == 40
    assert max(times.values()) < 3 * 500 / quick.ONE_IN


def test_the_files_of_which_a_sample_is_drawn_are_there():
    assert all((Path(quick.TESTS) / name).exists() for name in quick.SAMPLED_FILES)
