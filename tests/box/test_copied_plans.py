"""A copied plan or trainer has a store of its own, and goes on to the same bits."""

import copy
import io

import joblib
import numpy as np
import pytest

import flowgraph as fg
from tests.box.copied_worlds import (
    pickled,
)
from tests.box.test_copies import every_copy, same_bits


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
