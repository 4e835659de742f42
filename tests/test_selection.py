"""What a run takes of the tests: some cases of those with many, others in each commit, and all of what was changed."""

import math
from collections import Counter
from types import SimpleNamespace

import pytest

from tests import costs, selection
from tests.commit import ROOT, part

SEEDS = range(800)


class Item:
    """What the choice looks at in a test."""

    def __init__(self, name, **marks):
        self.nodeid = name
        self.path = ROOT / name.partition("::")[0]
        self.marks = marks

    def get_closest_marker(self, name):
        """As pytest's."""
        return SimpleNamespace(kwargs=self.marks[name]) if name in self.marks else None


def cases(place, count=600, **marks):
    return [Item(f"tests/{place}::test[{number}]", **marks) for number in range(count)]


@pytest.fixture(autouse=True)
def nothing_is_changed(monkeypatch):
    monkeypatch.setattr(selection, "changed_files", frozenset)


@pytest.mark.parametrize("one_in", [1, 2, 6, 20])
@pytest.mark.parametrize("count", [1, 5, 40])
def test_each_case_is_drawn_as_often_as_any_other_and_each_commit_draws_as_many(count, one_in):
    names = [f"case {number}" for number in range(count)]
    drawn = [part(names, one_in, seed) for seed in SEEDS]
    assert {len(one) for one in drawn} <= {count // one_in, -(-count // one_in)}
    times = Counter(name for one in drawn for name in one)
    assert times.keys() == set(names)
    assert all(0.3 < times[name] * one_in / len(SEEDS) < 3 for name in names)
    assert all(one == part(names, one_in, seed) for one, seed in zip(drawn, SEEDS, strict=True))


def seconds_of(place, count, cost, monkeypatch, **marks):
    """What a commit spends on a test, in the mean over many."""
    every = cases(place, count, **marks)
    monkeypatch.setattr(selection, "costs", lambda: {f"tests/{place}::test": cost})
    seeds = SEEDS if count < 10 else range(5)
    drawn = [len(selection.sample(every, seed=seed)) for seed in seeds]
    return sum(drawn) / len(seeds) * (cost + selection.CASE)


@pytest.mark.parametrize("place", ["plan/test_it.py", "graph/test_it.py", "test_contract.py"])
def test_what_takes_little_is_run_in_each_commit(place, monkeypatch):
    monkeypatch.setattr(selection, "costs", dict)
    few = cases(place, int(selection.SHARE / selection.CASE))
    assert selection.sample(few, seed=1) == few
    assert 0 < len(selection.sample(cases(place), seed=1)) < 600


@pytest.mark.parametrize("count", [1, 8, 400])
def test_each_doubling_of_the_work_gets_the_same_time_more(count, monkeypatch):
    for seconds in (2.0, 4.0, 8.0, 16.0):
        spent = seconds_of("plan/test_it.py", count, seconds / count - selection.CASE, monkeypatch)
        needed = selection.SHARE * (1 + math.log(seconds / selection.SHARE))
        assert spent == pytest.approx(needed, rel=0.4)


@pytest.mark.parametrize("folder", selection.CORE)
def test_of_the_core_each_test_has_a_case_in_each_commit(folder, monkeypatch):
    for count in (1, 5, 100):
        monkeypatch.setattr(selection, "costs", lambda: {f"tests/{folder}/test_it.py::test": 5.0})
        every = cases(f"{folder}/test_it.py", count)
        assert all(selection.sample(every, seed=seed) for seed in range(20))
    sweep = cases(f"{folder}/test_it.py", 600)
    assert len(selection.quick(sweep, seed=1)) == 600 / selection.QUICK_ONE_IN
    marked = cases(f"{folder}/test_it.py", 30, sampled={"one_in": 30})
    assert len(selection.sample(marked, seed=1)) <= 1
    assert selection.quick(marked, seed=1) == []


def test_a_folder_that_the_commit_changes_gets_more_of_the_time(monkeypatch):
    before = seconds_of("plan/test_it.py", 8, 0.5, monkeypatch)
    monkeypatch.setattr(selection, "changed_files", lambda: frozenset({"flowgraph/plan/deeper/it.py"}))
    assert 1.6 < seconds_of("plan/test_it.py", 8, 0.5, monkeypatch) / before < 4


def test_costs_are_kept_of_what_was_not_run_and_of_what_takes_long_alone():
    known = {"tests/a.py::test": 3.0, "tests/b.py::test": 1.0, "tests/c.py::test": 0.5}
    measured = {"tests/b.py::test": [1.0, 2.0], "tests/c.py::test": [0.001], "tests/d.py::test": [0.25]}
    now = {"tests/a.py::test": 3.0, "tests/b.py::test": 1.5, "tests/d.py::test": 0.25}
    assert costs.updated(known, measured) == now


def test_what_is_named_or_changed_is_whole(monkeypatch):
    every = cases("plan/test_it.py", sampled={"one_in": 6})
    assert selection.sample(every, [ROOT / "tests/plan/test_it.py"]) == every
    monkeypatch.setattr(selection, "changed_files", lambda: frozenset({"tests/plan/test_it.py"}))
    assert selection.sample(every) == every


@pytest.mark.parametrize("changed", ["flowgraph/boxes/neural/activation.py", "docs/boxes.md"])
def test_of_a_box_a_module_or_a_page_that_is_changed_each_case_is_run(changed, monkeypatch):
    monkeypatch.setattr(selection, "changed_files", lambda: frozenset({changed}))
    module = changed.removesuffix(".py").replace("/", ".")
    names = {
        "py": [*(f"Sigmoid-{number}" for number in range(30)), module, "fg.ReLU", changed.removeprefix("flowgraph/")],
        "md": [changed, "boxes.md"],
    }
    own = [Item(f"tests/test_contract.py::test[{name}]") for name in names[changed[-2:]]]
    others = cases("test_contract.py")
    run = selection.sample([*own, *others], seed=1)
    assert run[: len(own)] == own
    assert len(run) < 200


@pytest.mark.parametrize("changed", ["Makefile", "README.md", "tools/it.py"])
def test_a_file_that_no_case_is_called_after_changes_nothing(changed, monkeypatch):
    every = [Item(f"tests/plan/test_it.py::test[{name}{number}]") for number in range(300) for name in ("a-", "b ", "")]
    run = selection.sample(every, seed=1)
    monkeypatch.setattr(selection, "changed_files", lambda: frozenset({changed}))
    assert selection.sample(every, seed=1) == run


def test_a_commit_of_very_many_files_has_a_sample_of_its_tests(monkeypatch):
    files = frozenset({"tests/plan/test_it.py", *(f"docs/{number}.md" for number in range(selection.AT_ONCE))})
    monkeypatch.setattr(selection, "changed_files", lambda: files)
    assert 0 < len(selection.sample(cases("plan/test_it.py"))) < 600


def test_quick_runs_a_part_of_what_stands_above_the_core_and_nothing_long():
    for folder in selection.ABOVE:
        assert len(selection.quick(cases(f"{folder}/test_it.py"), seed=1)) == 600 / selection.QUICK_ONE_IN
    for mark in ({"sampled": {"one_in": 2}}, {"no_cover": {}}):
        assert not selection.quick(cases("graph/test_it.py", 10, **mark))


def test_folders_and_files_are_those_that_there_are():
    folders = {path.name for path in selection.TESTS.iterdir() if path.is_dir()}
    assert {*selection.CORE, *selection.ABOVE} <= folders
    left_out = {name for name in folders if selection.is_left_out(selection.TESTS / name)}
    assert left_out == folders - {*selection.CORE, *selection.ABOVE}
    assert not selection.is_left_out(selection.TESTS / "boxes" / "shape")
    assert not selection.is_left_out(selection.TESTS / "test_lecture.py")
    assert all((selection.TESTS / name).exists() for name in selection.SAMPLED_FILES)
