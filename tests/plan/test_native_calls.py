"""Native plans as their users meet them: calls, updates, what falls back to NumPy, what is kept on disk."""

import importlib.util
import re
import sys

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import install_hint
from flowgraph.plan.numba import emitter, rules
from tests.plan.native_in_python import is_native
from tests.plan.test_interruption import Stops
from tests.plan.test_plan import batch, network

pytestmark = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", ["computed", "view", "constant"])
def test_labels_are_refused_wherever_they_come_from(interpreted, kind, count):
    y = fg.Input("y", shape=(count, 1), dtype=int)
    labels = {"computed": y[:, 0] + 1, "view": y[:, 0], "constant": fg.Constant(np.full(count, 4))}[kind]
    f = fg.Parameter(np.ones((count, 3)), name="f")
    step = fg.compile(fg.mean(fg.SoftmaxCrossEntropy(f, labels)) + 0 * fg.sum(y), backend="numba")
    with pytest.raises(fg.FlowgraphError, match="label 4 at index 0, needs 0 to 2"):
        step(y=np.full((count, 1), 3 if kind == "computed" else 4))
    assert is_native(step)


@pytest.mark.parametrize("updated", [True, False])
def test_targets_that_are_a_parameter_are_refused(interpreted, updated):
    f, held = fg.Parameter([1.0, 2.0], name="f"), fg.Parameter([0.5, 1.5], name="held")
    loss = fg.sum(fg.BinaryCrossEntropy(f, held))
    step = fg.compile(loss, updates={held: held * 0.5} if updated else None, backend="numba")
    with pytest.raises(fg.FlowgraphError, match=r"target 1\.5 at index 1, needs 0 to 1"):
        step()
    held.value = [0.0, 1.0]
    assert step() == pytest.approx(np.log1p(np.exp(1.0)) + np.log1p(np.exp(-2.0)))
    assert is_native(step)


def test_arrays_in_any_layout_and_parameters_that_are_only_read(interpreted):
    mlp, loss, _, _ = network()
    look, feeds = fg.compile(loss, backend="numba"), batch()
    expected = float(fg.Graph(loss).fprop(feeds))
    read_only = feeds["x"].copy()
    read_only.setflags(write=False)
    for given_x in (feeds["x"], np.asfortranarray(feeds["x"]), np.repeat(feeds["x"], 2, axis=0)[::2], read_only,
                    feeds["x"].tolist()):  # fmt: skip
        assert look(x=given_x, y=feeds["y"]) == pytest.approx(expected, rel=1e-12)
    mlp.weights[0].value = 2 * mlp.weights[0].value
    assert look(**feeds) == pytest.approx(float(fg.Graph(loss).fprop(feeds)), rel=1e-12)
    assert is_native(look)


def test_what_numba_cannot_make_is_said_and_numpy_runs_it():
    x = fg.Input("x", shape=(3,))
    plan = fg.compile(np.cumsum(np.exp(x)), backend="numba")
    with pytest.warns(
        UserWarning, match=r'backend="numba"\): CumSum has no rule for Numba, built at test_native.*NumPy'
    ):
        found = plan(x=[0.0, 0.0, 0.0])
    np.testing.assert_array_equal(found, [1.0, 2.0, 3.0])
    cases = [
        (Stops(x, when=lambda: None), "Stops has no rule for Numba"),
        (x[x > 0], "has several outputs, or a size that depends on values"),
        (x.astype(np.float16) * 2, "has the dtype float16"),
    ]
    for box, message in cases:
        with pytest.warns(UserWarning, match=message):
            fg.compile(box, backend="numba")(x=np.ones(3))


def test_a_plan_too_large_for_one_function_has_kernels(monkeypatch, interpreted):
    monkeypatch.setattr(emitter, "LARGEST", 5)
    x = fg.Input("x", shape=(3,))
    h = x
    for _ in range(6):
        h = np.tanh(h)
    plan = fg.compile(h, backend="numba")
    np.testing.assert_allclose(plan(x=np.ones(3)), fg.Graph(h).fprop(x=np.ones(3))[h])
    assert "kernel(" in plan.source
    assert "6 of its values from Numba: the plan has 7 boxes, more than the 5 that are compiled at once" in repr(plan)
    monkeypatch.setattr(emitter, "LARGEST", 1)
    alone = fg.compile(np.tanh(x), backend="numba")
    with pytest.warns(UserWarning, match="the plan has 2 boxes, more than the 1 that are compiled at once; NumPy runs"):
        alone.prepare(np.ones(3))
    assert "NumPy runs it: the plan has 2 boxes" in repr(alone)


def test_a_missing_numba_is_said_once_with_the_name_of_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    x = fg.Input("x", shape=("N",))
    with pytest.warns(UserWarning, match=re.escape(f"Numba is not installed; {install_hint('native')}; NumPy runs")):
        plan = fg.compile(np.exp(x), backend="numba")
    for count in (1, 2):
        np.testing.assert_array_equal(plan(x=np.zeros(count)), 1.0)
    assert "def step(x):" in plan.source


def test_a_numba_that_does_not_fit_numpy_is_said(monkeypatch):
    load = importlib.import_module

    def refuse(name):
        if name == "numba":
            raise ImportError("Numba needs NumPy 2.3 or less")
        return load(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    x = fg.Input("x", shape=(2,))
    with pytest.warns(
        UserWarning,
        match=re.escape(f"cannot be imported (Numba needs NumPy 2.3 or less); {install_hint('native', upgrade=True)}"),
    ):
        fg.compile(x, backend="numba")


def test_what_numba_itself_refuses_runs_in_numpy(monkeypatch):
    monkeypatch.setattr(rules, "_OPERATORS", {**rules._OPERATORS, np.add: "unknown({}, {})"})
    x = fg.Input("x", shape=(2,))
    with pytest.warns(UserWarning, match="Numba does not compile the plan .TypingError: .*NumPy runs this plan"):
        found = fg.compile(x + 1, backend="numba")(x=np.zeros(2))
    np.testing.assert_array_equal(found, 1.0)


def test_debug_mode_and_pictures(interpreted, tmp_path):
    _, loss, _, updates = network()
    step = fg.compile([loss], updates=updates, backend="numba")
    with fg.debug():
        step(**batch(), rate=0.1)
    step.render(tmp_path / "plan.dot")
    assert "layer1" in (tmp_path / "plan.dot").read_text()
    assert step.bytes > 0
