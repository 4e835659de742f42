"""Plans that choose their settings: what is tried, what is kept, what stays as it was, what is refused.

No time is measured here: a test says what each candidate takes.
"""

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.plan import tuning
from tests.plan.agreement import assert_agree


def network(**settings):
    x = fg.Input("x", shape=("N", 6))
    w = fg.Parameter(np.linspace(-1, 1, 24).reshape(6, 4), name="w")
    loss = fg.mean(np.tanh(x @ w) ** 2)
    (grad,) = fg.gradient(loss, [w])
    return w, fg.compile([loss, grad], updates={w: w - 0.5 * grad}, **settings)


X = np.random.default_rng(0).normal(size=(8, 6))


@pytest.fixture
def seconds(monkeypatch):
    """What each candidate is said to take, in the order in which they are tried; and how many cores there are."""

    def set_seconds(*numbers, cores=2):
        monkeypatch.setattr(tuning, "count_cores", lambda: cores)
        monkeypatch.setattr(tuning, "measure", lambda calls: [*numbers, *[np.inf] * len(calls)][: len(calls)])

    return set_seconds


@pytest.mark.parametrize("place", range(3))
def test_the_fastest_is_kept_and_its_keywords_make_the_same_plan(seconds, place):
    seconds(*[1.0 if number == place else 2.0 for number in range(3)], cores=4)
    w, step = network(tune=["numpy"])
    assert "tunes itself" in repr(step)
    found = [step(x=X) for _ in range(3)]
    settings = {"backend": "numpy", "threads": (1, 2, 4)[place]}
    assert step.choice.settings == settings
    assert f"tuned: backend='numpy', threads={settings['threads']} takes" in repr(step)
    other, fixed = network(**settings)
    for values in found:
        for one, right in zip(values, fixed(x=X), strict=True):
            np.testing.assert_array_equal(one, right)
    np.testing.assert_array_equal(w.value, other.value)
    assert step.source == fixed.source


def test_what_gains_less_than_turns_differ_by_is_not_taken(seconds):
    seconds(1.0, 0.96)
    _, step = network(tune=["numpy"])
    step(x=X)
    assert step.choice.settings["threads"] == 1


def test_parameters_are_updated_once_by_the_first_call_and_not_by_prepare(seconds):
    seconds(2.0, 1.0)
    w, step = network(tune=["numpy"])
    before = w.value
    step.prepare(x=X)
    assert step.choice is not None
    np.testing.assert_array_equal(w.value, before)
    plain, other = network()
    step(X), other(X)
    assert_agree(w.value, plain.value)


def test_call_with_prepare_tunes_and_runs_nothing(seconds):
    seconds(2.0, 1.0)
    w, step = network(tune=["numpy"])
    before = w.value
    step(x=X, prepare=True)
    assert step.choice is not None
    np.testing.assert_array_equal(w.value, before)


@pytest.mark.parametrize("backends", [["numba"], ["jax"], ["numpy", "numba", "jax"], True])
def test_other_back_ends_are_tried(seconds, backends):
    pytest.importorskip("numba")
    pytest.importorskip("jax")
    seconds(*range(9, 0, -1), cores=1)  # the last one is the fastest
    _, step = network(tune=backends)
    values = step(x=X)
    _, other = network()
    for one, right in zip(values, other(x=X), strict=True):
        assert_agree(np.asarray(one), right, eps=np.finfo(np.float32).eps if "jax" in repr(step) else 0)
    assert step.choice.settings["backend"] == ("jax" if backends is True else backends[-1])
    _, fixed = network(**step.choice.settings)
    fixed(x=X)


def test_a_copy_of_a_tuned_plan_is_not_tuned_again(seconds):
    seconds(2.0, 1.0)
    _, step = network(tune=["numpy"])
    untuned = copy.deepcopy(step)
    step(x=X)
    for other in (copy.deepcopy(step), pickle.loads(pickle.dumps(step))):
        assert "tunes itself" not in repr(other)
        other(x=X)
        assert other.source == step.source
    assert "tunes itself" in repr(untuned)
    untuned(x=X)
    assert untuned.choice.settings == step.choice.settings


def test_a_call_that_fails_leaves_the_plan_to_be_tuned(seconds):
    seconds(2.0, 1.0)
    w, step = network(tune=["numpy"])
    before = w.value
    with pytest.raises(fg.FlowgraphError, match=r"x: found the shape \(3, 7\)"):
        step(x=np.ones((3, 7)))
    assert step.choice is None
    np.testing.assert_array_equal(w.value, before)
    step(x=X)
    assert step.choice is not None


def test_what_does_the_same_is_measured_once(seconds):
    seconds(1.0, 0.5, cores=8)
    a = fg.Input("a", shape=())
    plan = fg.compile(np.exp(a), tune=["numpy"])  # no batch that threads could share
    plan(a=1.0)
    assert len(plan.choice.seconds) == 1


@given(st.integers(1, 64), st.lists(st.sampled_from(tuning.TRIED), min_size=1, unique=True))
def test_threads_that_are_tried_begin_with_one_and_end_with_the_cores(cores, backends):
    found = tuning.settings_to_try(backends, cores)
    assert {settings["backend"] for settings in found} == set(backends)
    for name in {*backends} - {"jax"}:
        counts = [settings["threads"] for settings in found if settings["backend"] == name]
        assert counts[0] == 1
        assert counts[-1] == cores
        assert counts == sorted(set(counts))
        assert all(after <= 2 * before for before, after in itertools.pairwise(counts))


def test_turns_take_the_least_time_by_the_clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(tuning, "clock", lambda: now[0])
    takes = [iter([3, 1, *[2] * 1000]), iter([5] * 1000)]
    found = tuning.measure([lambda each=each: now.__setitem__(0, now[0] + next(each) / 1000) for each in takes])
    np.testing.assert_allclose(found, [0.001, 0.005])


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"tune": True, "backend": "numba"}, r"found tune=True with backend='numba', needs one of the two"),
        ({"tune": True, "threads": 2}, r"found tune=True with threads=2, needs one of the two"),
        ({"tune": ["fortran"]}, r"found 'fortran' in tune=, needs some of numpy, numba, jax"),
        ({"tune": "numba"}, r"found tune='numba', needs True, False or a list"),
        ({"tune": []}, r"found tune=\[\], needs True, False or a list"),
        ({"tune": 1.5}, r"found tune=1.5, needs True, False or a list"),
    ],
)
def test_what_does_not_fit_is_refused(settings, text):
    with pytest.raises(UsageError, match=text):
        network(**settings)


def test_a_back_end_that_is_named_and_missing_is_refused(monkeypatch):
    monkeypatch.setattr(tuning, "why_missing", lambda name: "Numba is not installed" if name == "numba" else None)
    with pytest.raises(UsageError, match="'numba' in tune=, which cannot run here: Numba is not installed"):
        network(tune=["numpy", "numba"])
    assert "numba" not in tuning.read_tune(True, "numpy", None)


def test_a_back_end_that_refuses_the_graph_is_left_out(seconds):
    pytest.importorskip("jax")
    seconds(2.0, 1.0, cores=1)
    a = fg.Input("a", shape=("N",))
    plan = fg.compile(a[a > 0], tune=["numpy", "jax"])  # a size that is known in a run only
    np.testing.assert_array_equal(plan(a=np.array([1.0, -1.0, 2.0])), [1.0, 2.0])
    assert plan.choice.settings["backend"] == "numpy"


def test_the_second_of_equal_plans_in_pieces_can_be_shown():
    pytest.importorskip("numba")
    i = fg.Input("i", shape=("N", 2), dtype=int)
    for _ in range(2):
        w = fg.Parameter(np.ones((5, 3)), name="w")
        loss = fg.mean(np.sin(w[i]).sum(axis=1) ** 2)
        (grad,) = fg.gradient(loss, [w])
        plan = fg.compile([loss], updates={w: w - 0.1 * grad}, backend="numba")
        plan(i=np.array([[0, 1], [2, 3]]))
        assert "has no rule for Numba" in repr(plan)
        assert len(plan.graph)
