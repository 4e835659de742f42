"""Copies of boxes, graphs, plans and trainers: parameters of their own, sharing as in the original, the same bits."""

import copy
import functools
import io
import pickle
import sys
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from tests.box.copied_worlds import (
    Holds,
    drawn_world,
    graphs_of,
    has_a_setting_that_may_change,
    leads,
    paired,
    pickled,
    pickled_in_python,
    roots,
)
from tests.registry import unregistered

try:
    import cloudpickle
except ImportError:
    cloudpickle = None


by_code = pytest.mark.skipif(cloudpickle is None, reason="cloudpickle, which comes with joblib, is not installed")


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": pickled,
    "pickle, protocol 0": functools.partial(pickled, protocol=0),
    "pickle in Python": pickled_in_python,
    "cloudpickle": lambda thing: pickle.loads(cloudpickle.dumps(thing)),
}


every_copy = pytest.mark.parametrize(
    "copied",
    [pytest.param(copied, id=how, marks=by_code if how == "cloudpickle" else ()) for how, copied in COPIES.items()],
)


def values(graph):
    with np.errstate(all="ignore"):
        run = graph.fprop({box: np.ones((2, 2)) / 3 for box in graph.inputs}, seed=5)
    return [np.array(part) for box in graph for part in (run[box] if isinstance(run[box], tuple) else (run[box],))]


def same_bits(one, other):
    return len(one) == len(other) and all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


@given(st.integers(0, 10**6), st.sampled_from([how for how in COPIES if cloudpickle or how != "cloudpickle"]))
def test_a_copied_world_is_the_world_with_parameters_of_its_own(seed, how):
    world = drawn_world(seed)
    twin = COPIES[how](world)
    new_of = paired(roots(world), roots(twin))
    changing = leads(new_of, has_a_setting_that_may_change)
    for old, new in new_of.items():
        assert (new is old) == (how == "deepcopy" and old not in changing), "what cannot change is shared"
    before = [values(graph) for graph in graphs_of(world)]
    for graph, other, known in zip(graphs_of(world), graphs_of(twin), before, strict=True):
        assert list(other.names.values()) == list(graph.names.values())
        assert [other.slots[box] for box in other.outputs] == [graph.slots[box] for box in graph.outputs]
        assert same_bits(values(other), known)
    assert twin["nested"][0]["same"] is twin["graphs"][0]
    assert twin["layer"] in twin["mlp"].layers
    for changed, kept in ((twin, world), (world, twin)):
        untouched = [values(graph) for graph in graphs_of(kept)]
        for parameter in {box for box in roots(changed) if isinstance(box, fg.Parameter)}:
            parameter.value = parameter.value + 1.0
        assert all(same_bits(values(g), v) for g, v in zip(graphs_of(kept), untouched, strict=True))


@given(st.integers(0, 10**6))
def test_a_shallow_copy_shares_all_boxes(seed):
    world = drawn_world(seed)
    assert all(copy.copy(box) is box for box in roots(world))
    for graph in graphs_of(world):
        twin = copy.copy(graph)
        assert twin is not graph
        assert list(twin.boxes) == list(graph.boxes)
        assert list(twin.outputs) == list(graph.outputs)
    assert copy.copy(world["mlp"]).layers is world["mlp"].layers


@every_copy
def test_a_parameter_is_copied_wherever_its_value_lives(copied):
    w = fg.Parameter(np.arange(3.0), name="w")
    step = fg.compile([], updates={w: w + 1})
    for _ in range(2):
        step()
    twin = copied(w)
    assert twin is not w
    assert (twin.name, twin.built_at, twin.dtype) == (w.name, w.built_at, w.dtype)
    assert not np.shares_memory(twin.value, w.value)
    step()
    np.testing.assert_array_equal(twin.value, [2.0, 3.0, 4.0])
    twin.value = twin.value * 0
    np.testing.assert_array_equal(w.value, [3.0, 4.0, 5.0])


@every_copy
def test_a_copied_array_stays_read_only_and_of_numpys_own_dtype(copied):
    for box in (fg.Parameter(np.ones(2, np.float32)), fg.Constant(np.ones(2, np.float32))):
        twin = copied(np.tanh(box)).children[0]
        assert not twin.value.flags.writeable
        assert twin.dtype is twin.outputs[0].dtype is np.dtype(np.float32)


class Pair(NamedTuple):
    """Two things."""

    left: object
    right: object


def in_objects(box):
    """An array of objects, one of which is the box."""
    array = np.empty(2, object)
    array[0] = box
    return array


HIDING = {
    "tuple": (lambda box: (1, (box,)), lambda value: value[1][0]),
    "named tuple": (lambda box: Pair(box, "a"), lambda value: value.left),
    "frozen set": (lambda box: frozenset({box}), lambda value: next(iter(value))),
    "array": (in_objects, lambda value: value[0]),
    "graph": (fg.Graph, lambda value: value.outputs[0]),
    "plan": (lambda box: fg.compile(box), lambda value: value._forward.outputs[0]),
    "partial": (lambda box: functools.partial(fg.sum, box), lambda value: value.args[0]),
}


@every_copy
@pytest.mark.parametrize("way", HIDING)
def test_a_setting_may_hold_boxes_in_any_way(copied, way):
    hide, find = HIDING[way]
    w = fg.Parameter([1.0, 2.0], name="w")
    twin, new = copied((Holds(fg.Input("x", shape=(2,)), beside=hide(w)), w))
    assert find(twin.beside) is new is not w
    x = fg.Input("x", shape=(2,))
    fixed = Holds(x, beside=(np, np.tanh, slice(1, 2), Pair(1, frozenset({2})), np.ones(2), len, Pair))
    assert copy.deepcopy(fixed) is fixed


with unregistered():

    class OwnDeepcopy(Holds):
        """A box that says itself what its copy is."""

        def __deepcopy__(self, memo):
            return self

    class OwnReduce(Holds):
        """A box that pickle builds anew by its class."""

        def __reduce__(self):
            return OwnReduce, self.children

    class OwnState(Holds):
        """A box that keeps something out of pickles."""

        def __getstate__(self):
            return super().__getstate__() | {"beside": None}

        def __setstate__(self, state):
            super().__setstate__(state | {"beside": "made anew"})


def test_a_box_may_have_the_methods_of_copy_and_pickle_itself():
    w = fg.Parameter([1.0, 2.0], name="w")
    shared = OwnDeepcopy(w, beside=sys.__stdout__)
    assert copy.deepcopy(np.tanh(shared)).children[0] is shared
    assert copy.deepcopy(shared) is shared
    for way in (pickled, pickled_in_python):
        assert way(np.tanh(OwnReduce(w, factor=9.0, beside=5))).children[0].factor == 2.0
        twin = way(np.tanh(OwnState(w, factor=9.0, beside=sys.__stdout__))).children[0]
        assert (twin.factor, twin.beside) == (9.0, "made anew")


@every_copy
def test_a_box_in_its_own_setting(copied):
    beside = []
    box = np.tanh(Holds(fg.Parameter(1.0), beside=beside))
    beside.append(box)
    twin, child = copied((box, box.children[0]))
    assert twin is not box
    assert twin.children[0] is child is not box.children[0]
    assert child.beside[0] is twin


@every_copy
def test_second_derivatives_of_opaque_boxes_are_copied(copied):
    from tests.derivatives.opaque_boxes import CachesValue

    w = fg.Parameter([1.0, 2.0], name="w")
    (first,) = fg.gradient(fg.sum(CachesValue(w) * w), [w])
    twin = copied(fg.Graph(first))
    assert any("box" in vars(box) for box in twin), "the derivative holds the box that it is of"
    paired(list(fg.Graph(first)), list(twin))
    assert same_bits(values(twin), values(fg.Graph(first)))


@every_copy
def test_a_subclass_of_graph_keeps_what_it_adds(copied):
    w = fg.Parameter(1.0, name="w")
    graph = Noted(np.tanh(w))
    graph.note = ["by hand", w]
    twin = copied(graph)
    assert type(twin) is Noted
    assert twin.note[0] == "by hand"
    assert twin.note[1] is twin["w"] is not w
    assert twin.fprop().bprop()["w"] == graph.fprop().bprop()["w"]


class Noted(fg.Graph):
    """A graph with a note."""


@every_copy
def test_a_graph_keeps_an_order_that_was_asked_for(copied):
    w, v = fg.Parameter(1.0, name="w"), fg.Parameter(2.0, name="v")
    first, second = np.tanh(w), np.exp(v)
    graph = fg.Graph(first + second, along=[second, first])
    assert [type(box).__name__ for box in graph] == ["Parameter", "Exp", "Parameter", "Tanh", "Add"]
    paired(list(graph), list(copied(graph)))


@every_copy
def test_a_plan_is_copied_with_a_store_of_its_own(copied):
    x, y = fg.Input("x", shape=("N",)), fg.Input("y")
    w, v = fg.Parameter([1.0, 2.0], name="w"), fg.Parameter(2.0, name="v")
    outputs = [np.sum(x) * w, np.exp(v + y) + np.exp(v + y)]
    plan = fg.compile(outputs, {w: w * v + np.sum(x)}, [y, x], borrow=True, without=["common"])
    plan(2.0, np.ones(3))
    twin = copied(plan)
    assert type(twin).__mro__[1] is type(plan).__mro__[1]
    assert twin.input_names == ["y", "x"]
    (old,), (new,) = plan.store.parameters, twin.store.parameters
    assert new is not old
    np.testing.assert_array_equal(new.value, old.value)
    alone = plan(0.5, np.ones(2))[0].copy(), w.value
    again = twin(0.5, np.ones(2))[0]
    np.testing.assert_array_equal(again, alone[0])
    np.testing.assert_array_equal(new.value, alone[1])
    plan(0.5, np.ones(2))
    np.testing.assert_array_equal(new.value, alone[1])
    twin(0.5, np.ones(2))
    assert not np.array_equal(again, alone[0]), "borrow=True: the next call overwrites what a call gave"
    assert twin.source == plan.source
    assert plan.source.count("exp(") == 2, "without=['common'] was kept"


def test_a_shallow_copy_of_a_plan_updates_the_same_parameters():
    w = fg.Parameter(0.0, name="w")
    plan = fg.compile(w * 1, {w: w + 1})
    twin = copy.copy(plan)
    assert [float(step()) for step in (plan, twin, twin, plan)] == [0.0, 1.0, 2.0, 3.0]


@every_copy
def test_a_copied_plan_of_numba_is_one_of_numba(copied, monkeypatch):
    pytest.importorskip("numba", reason="Numba is not installed; it comes with the extra 'native'")
    from flowgraph.plan.numba import compiling
    from tests.plan.native_in_python import kernel_in_python

    monkeypatch.setattr(compiling, "compiled_kernel", kernel_in_python)
    w = fg.Parameter([1.0, 2.0], name="w")
    twin = copied(fg.compile([], {w: w * 2}, backend="numba"))
    twin()
    assert twin.last.emitter.name == "numba"
    np.testing.assert_array_equal(twin.store.parameters[0].value, [2.0, 4.0])
    np.testing.assert_array_equal(w.value, [1.0, 2.0])


def trained(trainer, epochs):
    trainer.run(epochs)
    state = trainer.state()
    times = ("seconds", "history")
    return {name: array.tobytes() for name, array in state.arrays.items()}, {
        name: value for name, value in state.record.items() if name not in times
    }


def by_joblib(thing):
    joblib = pytest.importorskip("joblib", reason="joblib is not installed")
    file = io.BytesIO()
    joblib.dump(thing, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled, by_joblib])
def test_a_copied_trainer_goes_on_to_the_same_bits(copied):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    mlp = fg.MLP([3, 5, 3], rng=0, dropout=0.3)
    trainer = fg.Trainer(mlp, (X, y), 0.2, rule="adam", l2=1e-3, batch_size=7, early_stopping=4)
    trainer.run(2)
    for _ in range(3):
        trainer.step()
    twin, other = copied(trainer), copied((mlp, trainer))
    assert other[0].weights[0] in other[1].problem.parameters
    before = [parameter.value for parameter in twin.problem.parameters]
    reached = trained(trainer, 5)
    assert same_bits([parameter.value for parameter in twin.problem.parameters], before)
    assert trained(twin, 5) == reached
    assert trained(other[1], 5) == reached
