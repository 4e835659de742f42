"""What trials try: each place once, in an order that the seed fixes, and the same however often a search was killed."""

import functools
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowgraph.search import Choice, LogUniform, Uniform, Whole, search
from flowgraph.search.database import study_of
from flowgraph.search.sampling import PRUNERS, SAMPLERS, grid_points, quasi_random_point

SPACE = {"a": Uniform(0.0, 1.0, points=4), "b": LogUniform(0.01, 1.0, points=1), "c": Choice(["x", (1, 2)])}


class KilledError(BaseException):
    """What nothing in a search catches, as if the process were gone."""


def train(drawn, attempt):
    best = (drawn["a"] - 0.4) ** 2 + drawn["b"] + 0.1 * (drawn["c"] == "x")
    for step in range(1, 10):
        if attempt.report(step, best + drawn["a"] / step):
            break
    return best


WRITES = (
    "create_new_trial", "set_study_user_attr", "set_trial_intermediate_value", "set_trial_state_values",
    "set_trial_user_attr",
)  # fmt: skip


def trials_of(sampler, pruner, kills=(), monkeypatch=None):
    """The trials of a search that is killed before or after some of its writes, and goes on each time."""
    study = study_of(None, "search")
    left = list(kills)

    def write(method, *arguments, **keywords):
        count, before = left[0] if left else (1, False)
        if left and count == 0:
            left.pop(0)
            if before:
                raise KilledError
            method(*arguments, **keywords)
            raise KilledError
        if left:
            left[0] = count - 1, before
        return method(*arguments, **keywords)

    for name in WRITES:
        monkeypatch.setattr(study._storage, name, functools.partial(write, getattr(study._storage, name)))
    monkeypatch.setattr(sys.modules["flowgraph.search.search"], "study_of", lambda storage, name: study)
    while True:
        try:
            result = search(train, SPACE, sampler=sampler, pruner=pruner, trials=8, refine=1)
        except KilledError:
            continue
        assert {trial.state.name for trial in study.get_trials()} <= {"COMPLETE", "PRUNED", "FAIL"}
        assert [trial.number for trial in result.trials] == list(range(16)), "each place is tried to its end"
        return [(trial.state, trial.value, trial.round, trial.settings) for trial in result.trials]


KILLS = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=4)


DRAWN = [name for name in SAMPLERS if name != "gp"]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sampler=st.sampled_from(DRAWN), pruner=st.sampled_from(PRUNERS), kills=KILLS)
def test_a_search_that_was_killed_has_the_trials_of_one_that_was_not(sampler, pruner, kills, monkeypatch):
    """Wherever its process was gone: settings, values, and which training was stopped early."""
    with monkeypatch.context() as patch:
        killed = trials_of(sampler, pruner, kills, patch)
    with monkeypatch.context() as patch:
        assert killed == trials_of(sampler, pruner, monkeypatch=patch)


def test_a_search_by_a_gaussian_process_that_was_killed(monkeypatch):
    with monkeypatch.context() as patch:
        killed = trials_of("gp", "hyperband", [(50, False), (90, True), (1, False)], patch)
    with monkeypatch.context() as patch:
        assert killed == trials_of("gp", "hyperband", monkeypatch=patch)


def test_the_seed_orders_the_points_of_a_grid():
    assert grid_points(SPACE, 3) == grid_points(SPACE, 3) != grid_points(SPACE, 4)
    assert len({str(point) for point in grid_points(SPACE, 3)}) == 8


@pytest.mark.parametrize("count", [16, 64])
def test_quasi_random_points_fill_each_axis_more_evenly_than_draws(count):
    """The largest gap between neighbours is that of a few even steps, where independent draws leave one of log N."""
    space = {"a": Uniform(0.0, 1.0), "b": LogUniform(1e-4, 1.0), "c": Whole(1, 8), "d": Choice(list(range(4)))}
    points = [quasi_random_point(space, 5, place) for place in range(count)]
    assert points[3] == quasi_random_point(space, 5, 3) != quasi_random_point(space, 6, 3)
    for shares in ([p["a"] for p in points], [1 + np.log10(p["b"]) / 4 for p in points]):
        assert np.max(np.diff([0.0, *sorted(shares), 1.0])) < 4 / count
    for name, values in (("c", range(1, 9)), ("d", space["d"].labels)):
        counts = [sum(point[name] == value for point in points) for value in values]
        assert min(counts) >= count // len(values) - 2
        assert max(counts) <= count // len(values) + 2


@pytest.mark.parametrize("part", [Uniform(2.0, 3.0), LogUniform(1e-9, 1e9), Whole(3, 5), Whole(1, 100, log=True)])
def test_each_share_of_a_range_lies_in_it(part):
    for share in (0.0, 0.5, 1 - 2**-53):
        value = part.at(share)
        assert part.low <= value <= part.high
        assert part.distribution._contains(part.distribution.to_internal_repr(value))
    assert type(Whole(3, 5).at(0.5)) is int
    assert [Whole(3, 5).at(share) for share in (0.0, 0.32, 0.34, 0.66, 0.67)] == [3, 3, 4, 4, 5]
