"""Search: spaces, grids, draws, refinement, pruning, crashes, several processes, tables and pictures."""

import contextlib
import math
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna import storages
from rich.console import Console

import flowgraph as fg
from flowgraph.errors import FlowgraphError, UsageError, install_hint
from flowgraph.saving.lock import this_process
from flowgraph.search import Choice, LogUniform, Uniform, Whole, database, read_space, search
from flowgraph.search.database import study_of
from flowgraph.search.sampling import NUMBER, PLACE, ROUND, make_waiting
from flowgraph.search.search import PROCESS
from flowgraph.search.space import space_of_record, space_record

BOWL = {"a": LogUniform(1e-4, 1.0, points=5), "b": Uniform(-1.0, 1.0, points=3), "c": Choice(["x", (1, 2)])}


def bowl(settings, attempt):
    """Smallest at a = 0.01, b = 0, c = (1, 2)."""
    return np.log10(settings["a"] / 0.01) ** 2 + settings["b"] ** 2 + (settings["c"] == "x")


def settings_of(result):
    return [tuple(trial.settings.values()) for trial in result.trials]


def test_a_grid_tries_every_point_once():
    result = search(bowl, BOWL, sampler="grid")
    assert len(set(settings_of(result))) == len(result.trials) == 5 * 3 * 2
    assert {round(a, 6) for a, _, _ in settings_of(result)} == {1e-4, 1e-3, 1e-2, 1e-1, 1.0}
    assert tuple(result.best.settings.values()) == (pytest.approx(0.01), 0.0, (1, 2))


@pytest.mark.parametrize("sampler", ["tpe", "random", "quasi-random"])
def test_draws_lie_in_the_space_and_are_fixed_by_the_seed(sampler):
    one, same, other = (search(bowl, BOWL, trials=6, sampler=sampler, seed=seed) for seed in (1, 1, 2))
    assert settings_of(one) == settings_of(same) != settings_of(other)
    assert len(set(settings_of(one))) == 6
    for a, b, c in settings_of(one):
        assert 1e-4 <= a <= 1
        assert -1 <= b <= 1
        assert c in ("x", (1, 2))


def test_a_sampler_and_a_pruner_of_optunas_own(tmp_path):
    optuna = pytest.importorskip("optuna")
    settings = {"trials": 3, "pruner": optuna.pruners.NopPruner(), "storage": tmp_path / "study.db"}
    for _ in range(2):
        result = search(bowl, BOWL, sampler=optuna.samplers.RandomSampler(seed=3), **settings)
    assert len(result.trials) == 3


@pytest.mark.parametrize("storage", [None, "study.db"])
@pytest.mark.parametrize("place", range(1, 4))
def test_a_trial_that_is_interrupted_before_it_has_begun_is_waited_for_by_nobody(place, storage, tmp_path, monkeypatch):
    """Without a sign of life of its process it is never taken for dead, and the next search waited for ever."""
    optuna = pytest.importorskip("optuna")
    note, calls = optuna.trial.Trial.set_user_attr, iter(range(1, 1000))

    def interrupted(trial, name, value):
        if next(calls) == place:
            raise KeyboardInterrupt
        note(trial, name, value)

    settings = {"sampler": "grid", "storage": storage and tmp_path / storage}
    space = {"a": Uniform(0.0, 1.0, points=3)}
    with monkeypatch.context() as patch:
        patch.setattr(optuna.trial.Trial, "set_user_attr", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search(lambda drawn, attempt: drawn["a"], space, **settings)
    result = search(lambda drawn, attempt: drawn["a"], space, **settings)
    assert {trial.settings["a"] for trial in result.trials if trial.state == "complete"} == {0.0, 0.5, 1.0}


def test_a_log_uniform_draw_is_uniform_in_its_logarithm():
    result = search(bowl, BOWL, trials=60, sampler="random", seed=0)
    places = np.log10([trial.settings["a"] for trial in result.trials])
    assert abs(np.mean(places) + 2) < 4 * 4 / math.sqrt(12 * 60)


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_refinement_zooms_around_the_best(sampler):
    result = search(bowl, BOWL, trials=8, sampler=sampler, refine=2, zoom=0.2)
    rounds = [[t for t in result.trials if t.round == number] for number in range(3)]
    first_best = min(rounds[0], key=lambda trial: trial.value)
    low, high = result.spaces[1]["a"].low, result.spaces[1]["a"].high
    assert math.log10(high / low) == pytest.approx(0.2 * 4)
    assert low <= first_best.settings["a"] <= high
    assert all(low <= trial.settings["a"] <= high for trial in rounds[1])
    width = result.spaces[2]["b"].high - result.spaces[2]["b"].low
    assert width == pytest.approx(2 * 0.2**2)
    assert result.best.value <= first_best.value
    assert [len(one) for one in rounds] == [30 if sampler == "grid" else 8] * 3


def test_a_zoom_stays_inside_the_first_range():
    part = Uniform(0.0, 1.0)
    assert part.zoom_in(0.99, 0.5, part) == Uniform(0.5, 1.0)
    assert part.zoom_in(0.5, 0.5, part) == Uniform(0.25, 0.75)
    whole = Whole(1, 64, log=True)
    assert whole.zoom_in(8, 1 / 3, whole) == Whole(4, 16, log=True)
    assert Choice([1, 2]).zoom_in(1, 0.5, None) == Choice([1, 2])


def test_the_edge_of_a_range_is_said():
    result = search(lambda settings, attempt: settings["a"], {"a": Uniform(0.0, 1.0), "c": Choice([1])}, sampler="grid")
    assert result.at_the_edge == ["a"]


def test_failures_are_kept_and_the_search_goes_on():
    def train(settings, attempt):
        if settings["a"] == 1:
            raise UsageError("no such thing")
        return {2: math.nan, 3: 5.0}[settings["a"]]

    result = search(train, {"a": Choice([1, 2, 3])}, sampler="grid")
    found = {trial.settings["a"]: (trial.state, trial.value, trial.reason) for trial in result.trials}
    assert found == {
        1: ("failed", None, "UsageError: no such thing"), 2: ("complete", math.inf, ""), 3: ("complete", 5.0, ""),
    }  # fmt: skip
    assert result.best.settings == {"a": 3}


def test_a_mistake_in_the_function_is_not_swallowed():
    with pytest.raises(NameError):
        search(lambda settings, attempt: undefined, {"a": Choice([1])}, sampler="grid")  # noqa: F821


def test_a_search_without_a_trial_that_ended():
    def train(settings, attempt):
        raise UsageError("always")

    result = search(train, {"a": Choice([1, 2])}, sampler="grid")
    with pytest.raises(UsageError, match=r"found no trial that came to its end \(UsageError: always\)"):
        _ = result.best


def network(settings, attempt):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = (x[:, 0] > 0).astype(int)
    rate = 1e-5 if attempt.number >= 5 else settings["rate"]
    history = fg.fit(
        fg.MLP([2, 2], rng=0), (x[:40], y[:40]), (x[40:], y[40:]), learning_rate=rate, epochs=12, checks=False,
        progress=False, callbacks=[attempt],
    )  # fmt: skip
    return history.best.valid_loss


def test_the_pruner_stops_a_training_that_is_worse():
    result = search(network, {"rate": LogUniform(0.05, 0.5)}, trials=7, sampler="random", pruner="median")
    assert [trial.state for trial in result.trials] == ["complete"] * 5 + ["pruned"] * 2
    assert result.best.number < 5
    result = search(network, {"rate": LogUniform(0.05, 0.5)}, trials=7, sampler="random", pruner="none")
    assert {trial.state for trial in result.trials} == {"complete"}


def test_the_same_call_goes_on(tmp_path):
    settings = {"sampler": "random", "storage": tmp_path / "study.db"}
    first = search(bowl, BOWL, trials=2, **settings)
    again = search(bowl, BOWL, trials=4, **settings)
    assert settings_of(again)[:2] == settings_of(first)
    assert settings_of(again) == settings_of(search(bowl, BOWL, trials=4, sampler="random"))
    called = []
    assert len(search(lambda s, a: called.append(1), BOWL, trials=4, **settings).trials) == 4
    assert not called
    with pytest.raises(UsageError, match=r"the study 'search' was begun with seed = 0, and now it is 1; go on"):
        search(bowl, BOWL, trials=4, seed=1, **settings)
    with pytest.raises(UsageError, match=r"begun with space = "):
        search(bowl, {"a": Uniform(0.0, 1.0)}, trials=4, **settings)


SHARED = """
import os, pathlib, signal, sys, time
from flowgraph.search import Choice, search
folder, kill = pathlib.Path(sys.argv[1]), sys.argv[2] == "kill"
def train(settings, attempt):
    if kill and attempt.number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / f"{os.getpid()}.seen").touch()
    while not kill and len(list(folder.glob("*.seen"))) < 3:
        time.sleep(0.01)
    return settings["a"]
search(train, {"a": Choice(list(range(5)))}, sampler="grid", storage=folder / "study.db")
"""


def test_a_crash_and_two_processes_that_go_on_together(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", SHARED, tmp_path]
    assert subprocess.run([*command, "kill"], check=False).returncode == -signal.SIGKILL
    both = [subprocess.Popen([*command, "share"]) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert len(list(tmp_path.glob("*.seen"))) == 3, "the killed one and both others tried something"
    result = search(bowl, {"a": Choice(list(range(5)))}, sampler="grid", storage=tmp_path / "study.db")
    complete = [trial for trial in result.trials if trial.state == "complete"]
    assert {trial.settings["a"] for trial in complete} == set(range(5))
    assert len(complete) == 5, "the trial of the killed process is not waited for, and done once more"
    assert [trial.number for trial in result.trials] == list(range(5)), "under its number"


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
@pytest.mark.parametrize("noted", [True, False])
def test_no_trial_is_left_running_that_nobody_runs(sampler, noted, tmp_path):
    """Wherever its process was killed, also before it had noted itself, and where no trial is left to do."""
    space = {"a": Choice([0.1, 0.2, 0.3])}
    settings = {"sampler": sampler, "storage": tmp_path / "study.db", "trials": None if sampler == "grid" else 3}
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True)
    for number in range(2):
        study = study_of(tmp_path / "study.db", "search")
        attributes = {ROUND: 0, PLACE: number, NUMBER: number}
        study.add_trial(make_waiting({"a": space["a"].distribution}, {"a": space["a"].labels[number]}, attributes))
        trial = study.ask()
        if noted:
            trial.set_user_attr(PROCESS, {**this_process(), "pid": int(child.stdout), "call": 1})
        result = search(lambda settings, attempt: settings["a"], space, **settings)
        assert [(trial.number, trial.state) for trial in result.trials] == [(i, "complete") for i in range(3)]
        assert "RUNNING" not in {trial.state.name for trial in study.get_trials()}


def test_a_trial_shows_that_it_lives_by_no_thread_that_python_waits_for(tmp_path, monkeypatch):
    """An interrupt while such a thread starts would let it run for ever, and Python with it."""
    monkeypatch.setattr(database, "HEARTBEAT", 0.01)
    signs, threads = [], set()
    monkeypatch.setattr(storages.RDBStorage, "record_heartbeat", lambda storage, trial: signs.append(trial))

    def train(settings, attempt):
        threads.update(one for one in threading.enumerate() if not one.daemon)
        before, last = len(signs), time.monotonic() + 600
        while len(signs) < before + 3 and time.monotonic() < last:
            time.sleep(0.01)
        return settings["a"]

    before = set(threading.enumerate())
    search(train, {"a": Uniform(0.0, 1.0)}, trials=2, storage=tmp_path / "study.db")
    assert threads <= before
    assert {trial: signs.count(trial) >= 4 for trial in signs} == {1: True, 2: True}, "each, at its beginning and after"


AT_ONCE = """
import sys
from flowgraph.search import Uniform, search
def train(settings, attempt):
    print(attempt.number, settings["a"], flush=True)
    sys.stdin.readline()
    return settings["a"]
search(train, {"a": Uniform(0.0, 1.0)}, trials=2, storage=sys.argv[1])
"""


def test_processes_that_begin_at_the_same_time_draw_differently(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", AT_ONCE, tmp_path / "study.db"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
    drawn = sorted(process.stdout.readline().split() for process in processes)
    for process in processes:
        process.stdin.write("go on\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=120)
    alone = search(lambda settings, attempt: settings["a"], {"a": Uniform(0.0, 1.0)}, trials=2)
    assert drawn == [[str(trial.number), str(trial.settings["a"])] for trial in alone.trials], (
        "it follows from the number"
    )


def test_ctrl_c_leaves_the_trial_to_be_taken_up(tmp_path):
    def train(settings, attempt):
        if attempt.number == 1 and not list(tmp_path.glob("seen")):
            (tmp_path / "seen").touch()
            raise KeyboardInterrupt
        return settings["a"]

    space, settings = {"a": Choice([1, 2, 3])}, {"sampler": "grid", "storage": tmp_path / "study.db"}
    with pytest.raises(KeyboardInterrupt):
        search(train, space, **settings)
    result = search(train, space, **settings)
    complete = [trial.settings["a"] for trial in result.trials if trial.state == "complete"]
    assert sorted(complete) == [1, 2, 3]


def test_tables_files_and_pictures(tmp_path):
    result = search(bowl, BOWL, trials=4, sampler="random", refine=1)
    console = Console(width=100, record=True, file=open(tmp_path / "table.txt", "w"))  # noqa: SIM115
    console.print(result.table())
    console.file.close()
    lines = (tmp_path / "table.txt").read_text().splitlines()
    assert lines[0].split() == ["trial", "loss", "a", "b", "c", "state", "seconds"]
    assert lines[1].split()[0] == str(result.best.number)
    assert len(result.to_csv(tmp_path / "trials.csv").read_text().splitlines()) == 9
    svg = result.plot(tmp_path / "search.svg").read_text()
    assert all(word in svg for word in ("trial", "loss", ">a<", "1,2"))
    assert result.plot(tmp_path / "search.png").stat().st_size > 1000
    assert repr(result) == "<SearchResult of 8 trials: 8 complete>"


def test_spaces_of_the_command_line():
    space = read_space(
        ["l2=log:1e-6..1e-2:7", "dropout=0.0..0.5", "batch-size=log:16..128", "hidden=16|64,32|none", "n=1..4"]
    )
    assert space == {
        "l2": LogUniform(1e-6, 1e-2, 7), "dropout": Uniform(0.0, 0.5), "batch_size": Whole(16, 128, log=True),
        "hidden": Choice([16, (64, 32), None]), "n": Whole(1, 4),
    }  # fmt: skip
    assert space_of_record(space_record(space), space) == space


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: read_space(["l2"]), "found 'l2', needs name=low..high"),
        (lambda: read_space(["a=1|2", "a=1|2"]), "found 'a' twice"),
        (lambda: read_space(["a=x..2"]), "needs numbers on both sides"),
        (lambda: LogUniform(0.0, 1.0), "found 0.0 to 1.0, needs finite numbers, 0 < low <= high"),
        (lambda: Uniform(1.0, 0.0), "needs finite numbers, low <= high"),
        (lambda: Uniform(0.0, 1.0, points=0), "found points=0"),
        (lambda: Whole(0.5, 1), "needs whole numbers"),
        (lambda: Choice([]), "found no value"),
        (lambda: Choice([1, 1]), "found a value twice"),
        (lambda: search(bowl, {}), "found an empty space"),
        (lambda: search(bowl, BOWL, sampler="best"), "found sampler='best', needs a sampler of Optuna's or one of tpe"),
        (lambda: search(bowl, BOWL, pruner="best"), "found pruner='best', needs a pruner of Optuna's or one of median"),
        (lambda: search(bowl, BOWL, trials=0), "found trials=0"),
        (lambda: search(bowl, BOWL, zoom=1.0), "found zoom=1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(make, text):
    with pytest.raises(UsageError, match=text):
        make()


def test_without_optuna(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=re.escape(f"a search needs optuna; run: {install_hint('search')}")):
        search(bowl, BOWL)


def test_a_storage_that_keeps_no_notes_of_trials_ends_the_search(tmp_path):
    """As the tables of a study whose number was changed: each trial would be tried again, without end."""
    path, space = tmp_path / "search.db", {"a": Uniform(0.0, 1.0, points=2)}
    search(lambda settings, _: settings["a"], space, sampler="grid", storage=path)
    with contextlib.closing(sqlite3.connect(path)) as tables, tables:
        tables.execute("UPDATE studies SET study_id = -1")
        tables.execute("UPDATE study_user_attributes SET study_id = -1")
    with pytest.raises(fg.FlowgraphError, match="search: found a storage that does not keep"):
        search(lambda settings, _: settings["a"], space, sampler="grid", storage=path)


def test_a_point_that_a_storage_names_by_no_number_is_tried_again(tmp_path):
    path, space = tmp_path / "search.db", {"a": Uniform(0.0, 1.0, points=2)}
    search(lambda settings, _: settings["a"], space, sampler="grid", storage=path)
    with contextlib.closing(sqlite3.connect(path)) as tables, tables:
        tables.execute("UPDATE trial_user_attributes SET value_json = '[1]' WHERE key = 'point'")
    assert search(lambda settings, _: settings["a"], space, sampler="grid", storage=path).best.value == 0.0


ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=3),
        st.sampled_from([np.int64(3), np.float32(0.1), np.ones(2), np.ma.masked, 1j, fg.Input("x")]),
        st.sampled_from([np.tanh, len, float, object(), ...]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner, inner), st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)  # fmt: skip
RANGES = st.sampled_from([Uniform, LogUniform, Whole])


@given(data=st.data(), kind=RANGES, what=st.sampled_from(["space", "part", "name", "choice", "ends"]))
def test_whatever_is_given_for_a_space_is_searched_or_refused(data, kind, what):
    """A space, a part or the name of one, the values of a choice, the ends of a range, and its points."""
    anything = data.draw(ANYTHING, what)
    given_points = data.draw(st.integers(1, 3) | ANYTHING, "points")
    try:
        space = {
            "space": lambda: anything,
            "part": lambda: {"a": anything},
            "name": lambda: {str(anything) if data.draw(st.booleans()) else repr: Uniform(0, 1)},
            "choice": lambda: {"a": Choice(anything)},
            "ends": lambda: {"a": kind(anything, data.draw(ANYTHING, "high"), points=given_points)},
        }[what]()
        found = search(lambda settings, attempt: 1.0, space, trials=1, refine=1)
    except FlowgraphError as error:
        said, value = str(error), 1.0
    else:
        said, value = "found and needs no more", found.best.value
    assert re.search(r"found .*needs|found a value twice", said, re.DOTALL)
    assert value == 1.0


def test_a_list_of_values_is_a_choice_that_the_refusal_writes_out():
    with pytest.raises(UsageError, match=r"found \[1, 2\] for the setting 'a', needs a range, .*Choice\(\(1, 2\)\)"):
        search(bowl, {"a": [1, 2]})
    with pytest.raises(UsageError, match=r"found list as the space, needs a dict, \{'learning_rate': LogUniform"):
        search(bowl, [BOWL])


@pytest.mark.parametrize("value", ["0.5", None, [1.0, 2.0], 1j])
def test_what_returns_no_number_ends_the_search_at_once(value):
    calls = []
    with pytest.raises(UsageError, match=r"search: train: found a result of type \w+, .*needs one number"):
        search(lambda settings, attempt: calls.append(1) or value, {"a": Uniform(0, 1)}, trials=5)
    assert calls == [1]
    result = search(lambda settings, attempt: attempt.report(1, value) or 1.0, {"a": Uniform(0, 1)}, trials=2)
    assert [trial.state for trial in result.trials] == ["failed", "failed"]
    assert "report: found a result" in result.trials[0].reason
