"""What a run takes of the tests: some cases of those with many, and all of what is named or, if asked, changed."""

import math
from collections import Counter
from types import SimpleNamespace

import pytest

from tests import costs, rooms, selection
from tests.rooms import ROOT
from tests.seed import part

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


@pytest.mark.parametrize("one_in", [1, 2, 6, 20])
@pytest.mark.parametrize("count", [1, 5, 40])
def test_each_case_is_drawn_as_often_as_any_other_and_each_seed_draws_as_many(count, one_in):
    names = [f"case {number}" for number in range(count)]
    drawn = [part(names, one_in, seed) for seed in SEEDS]
    assert {len(one) for one in drawn} <= {count // one_in, -(-count // one_in)}
    times = Counter(name for one in drawn for name in one)
    assert times.keys() == set(names)
    assert all(0.3 < times[name] * one_in / len(SEEDS) < 3 for name in names)
    assert all(one == part(names, one_in, seed) for one, seed in zip(drawn, SEEDS, strict=True))


def seconds_of(place, count, cost, monkeypatch, **marks):
    """What a sample spends on a test, in the mean over many seeds."""
    every = cases(place, count, **marks)
    monkeypatch.setattr(selection, "costs", lambda: {f"tests/{place}::test": cost})
    seeds = SEEDS if count < 10 else range(5)
    drawn = [len(selection.sample(every, seed=seed)) for seed in seeds]
    return sum(drawn) / len(seeds) * (cost + selection.CASE)


@pytest.mark.parametrize("place", ["plan/test_it.py", "test_contract.py"])
def test_what_takes_little_is_always_run(place, monkeypatch):
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
def test_of_the_core_all_is_run_but_what_is_marked(folder, monkeypatch):
    monkeypatch.setattr(selection, "costs", lambda: {f"tests/{folder}/test_it.py::test": 5.0})
    every = cases(f"{folder}/test_it.py", 100)
    assert selection.sample(every, seed=1) == every
    marked = cases(f"{folder}/test_it.py", 30, sampled={"one_in": 30})
    assert len(selection.sample(marked, seed=1)) <= 1


def test_costs_are_kept_of_what_was_not_run_and_of_what_takes_long_alone():
    known = {"tests/a.py::test": 3.0, "tests/b.py::test": 1.0, "tests/c.py::test": 0.5}
    measured = {"tests/b.py::test": [1.0, 2.0], "tests/c.py::test": [0.001], "tests/d.py::test": [0.25]}
    now = {"tests/a.py::test": 3.0, "tests/b.py::test": 1.5, "tests/d.py::test": 0.25}
    assert costs.updated(known, measured) == now


def test_what_is_named_is_whole():
    every = cases("plan/test_it.py", sampled={"one_in": 6})
    assert selection.sample(every, [ROOT / "tests/plan/test_it.py"]) == every


@pytest.mark.parametrize("changed", ["flowgraph/boxes/neural/activation.py", "docs/boxes.md"])
def test_near_takes_each_case_of_a_box_a_module_or_a_page_that_is_changed(changed, monkeypatch):
    put_changed(monkeypatch, changed)
    module = changed.removesuffix(".py").replace("/", ".")
    names = {
        "py": [*(f"Sigmoid-{number}" for number in range(30)), module, "fg.ReLU", changed.removeprefix("flowgraph/")],
        "md": [changed, "boxes.md"],
    }
    own = [Item(f"tests/test_contract.py::test[{name}]") for name in names[changed[-2:]]]
    assert selection.near([*own, *cases("test_contract.py")]) == own


@pytest.mark.parametrize("changed", ["Makefile", "README.md", "tools/it.py"])
def test_after_a_file_that_no_case_is_called_after_near_takes_none(changed, monkeypatch):
    put_changed(monkeypatch, changed)
    every = [Item(f"tests/plan/test_it.py::test[{name}{number}]") for number in range(300) for name in ("a-", "b ", "")]
    assert selection.near(every) == []


def test_what_the_sample_takes_does_not_follow_from_git(monkeypatch):
    every = cases("plan/test_it.py")
    run = selection.sample(every)
    monkeypatch.setattr(rooms, "git", lambda *command: pytest.fail(f"git {command} was asked"))
    assert selection.sample(every) == run


def test_a_larger_share_takes_more_of_each_test(monkeypatch):
    monkeypatch.setattr(selection, "costs", lambda: {"tests/plan/test_it.py::test": 0.1})
    for marks in ({}, {"sampled": {"one_in": 60}}):
        every = cases("plan/test_it.py", **marks)
        small, large = (selection.sample(every, seed=1, share=share) for share in (0.04, 0.6))
        assert len(large) > 3 * len(small)


def put_changed(monkeypatch, *paths):
    """Let git say that these files differ from main."""
    for place in (selection, rooms):
        monkeypatch.setattr(place, "changed_files", lambda since: frozenset(paths))


def test_near_takes_the_rooms_that_changed_whole_and_the_cases_called_after_what_changed(monkeypatch):
    put_changed(
        monkeypatch, "flowgraph/boxes/neural/activation.py", "tests/plan/deeper/test_it.py", "tests/test_site.py"
    )
    taken = [
        *cases("boxes/test_it.py", 9, sampled={"one_in": 60}),
        *cases("plan/other/test_it.py", 9),
        *cases("test_site.py", 9),
        Item("tests/test_contract.py::test[Sigmoid-1]"),
    ]
    assert selection.near([*taken, *cases("loops/test_it.py"), *cases("test_lecture.py")]) == taken
    assert selection.is_far(selection.TESTS / "loops")
    assert not any(map(selection.is_far, [selection.TESTS / "plan", selection.TESTS / "test_lecture.py"]))


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with two rooms, of which one has changed since the only commit on main."""
    monkeypatch.setattr(rooms, "ROOT", tmp_path)
    for function in (rooms.base, rooms.changed_files):
        function.cache_clear()
        monkeypatch.setattr(rooms, function.__name__, function.__wrapped__)
    for room in ("plan", "loops"):
        for place, name in (("flowgraph", "it.py"), ("tests", "test_it.py")):
            (tmp_path / place / room).mkdir(parents=True)
            (tmp_path / place / room / name).write_text("1\n")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "both"], ["switch", "-qc", "mine"]):
        rooms.git("-c", "user.name=a", "-c", "user.email=a@b.c", *command)
    (tmp_path / "flowgraph" / "plan" / "it.py").write_text("2\n")
    rooms.git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qam", "changed")
    return tmp_path


def test_a_room_is_changed_by_what_is_committed_and_by_what_is_not(repository):
    assert rooms.names() == ["loops", "plan"]
    assert rooms.changed(rooms.base()) == {"plan"}
    (repository / "tests" / "loops" / "new.txt").write_text("")
    assert rooms.changed(rooms.base()) == {"plan", "loops"}
    assert [rooms.room_of(path) for path in ("tests/plan/a.py", "flowgraph/errors.py", "README.md", "tests/a.py")] == [
        "plan", None, None, None,
    ]  # fmt: skip
