"""Processes that share a grid, in any order of beginnings, ends and deaths: each point is tried, none twice at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowgraph.saving.lock import this_process
from flowgraph.search import Choice, Uniform
from flowgraph.search.database import optuna, study_of
from flowgraph.search.search import PROCESS, Grid, _finished, _running, _take_up_again, _taken, point_of

SPACE = {"a": Choice(["one", "two", "three"]), "b": Uniform(0.0, 1.0, points=2)}
DEAD = {**this_process(), "pid": 2**22 + 1}


class Shared:
    """A study that processes share, and the trials that run."""

    def __init__(self):
        self.study, self.grid, self.running, self.tried = study_of(None, "shared", "none"), Grid(SPACE, 0), [], []

    def begin(self):
        taken = _taken(self.study, 0)
        if len(taken) >= len(self.grid):
            return
        self.grid.hand_out(self.study, 0, taken)
        trial = self.study.ask()
        trial.set_user_attr("round", 0)
        call = -1 - trial.number  # as a call of search that goes on notes itself
        _running.add(call)
        trial.set_user_attr(PROCESS, {**this_process(), "call": call})
        found = {name: part.suggest(trial, name) for name, part in SPACE.items()}
        assert found not in [one for _, one in self.running], "two processes have one point at the same time"
        self.running.append((trial, found))

    def end(self, place, how):
        if not self.running:
            return
        trial, found = self.running.pop(place % len(self.running))
        _running.discard(-1 - trial.number)
        if how == "dies":
            trial.set_user_attr(PROCESS, DEAD)
            return
        if how == "is interrupted":
            _take_up_again(trial)
        self.study.tell(
            trial,
            1.0 if how == "completes" else None,
            state=None if how == "completes" else optuna().trial.TrialState.FAIL,
        )
        if how == "completes":
            self.tried.append(found)


HOW = ("completes", "completes", "dies", "is interrupted")
EVENTS = st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 5), st.sampled_from(HOW))), max_size=30)


@given(EVENTS)
@settings(max_examples=25)
def test_each_point_is_tried_and_none_twice(events):
    shared = Shared()
    for event in events:
        shared.begin() if event is None else shared.end(*event)
    while len(_finished(shared.study, 0)) < len(shared.grid):
        shared.begin()
        shared.end(0, "completes")
    assert len(shared.tried) == len(shared.grid) == 6
    assert sorted(one["a"] for one in shared.tried) == sorted(["one", "two", "three"] * 2)


def test_the_seed_orders_the_points():
    assert Grid(SPACE, 3).points == Grid(SPACE, 3).points != Grid(SPACE, 4).points
    assert len({str(point) for point in Grid(SPACE, 3).points}) == 6


@pytest.mark.parametrize("number", [0, 7])
def test_a_trial_of_another_search_is_a_point_of_its_own(number):
    class Trial:
        user_attrs = {}

    Trial.number = np.int64(number)
    assert point_of(Trial) == f"trial {number}"
