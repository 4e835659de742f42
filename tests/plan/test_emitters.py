"""Back ends by name: what is registered is found, what is not is listed, and one that refuses is replaced by NumPy."""

import ast
from pathlib import Path

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.plan import emitter as emitters
from flowgraph.plan.binding import Binding, Program, constant
from flowgraph.plan.emitter import RefusedError, emitter
from flowgraph.plan.schedule import schedule

HOME = Path(emitters.__file__).parent


class ByCalls:
    """The smallest back end: each box is a call of its fprop, in one interpreted loop."""

    name = "by calls"
    standalone = False
    missing = None

    def why_missing(self):
        return self.missing

    def has_rule(self, box):
        return True

    def schedule(self, request):
        new = request.graph.outputs[request.returned :]
        return schedule(request.graph, dict(zip(request.store.parameters, new, strict=True)))

    def emit(self, request, plan):
        given, graph = (*request.leaves, *request.reads), plan.graph
        if any(isinstance(box, fg.CumSum) for box in graph):
            raise RefusedError("is not for this back end", next(box for box in graph if isinstance(box, fg.CumSum)))

        def run(memory, arrays):
            values = dict(zip(given, arrays, strict=True)) | memory.old
            for box in graph.boxes:
                if box not in values:
                    children = [values[child] for child in box.children]
                    values[box] = box.value if isinstance(box, fg.Constant) else box.fprop(*children)
            for parameter, box in plan.updated.items():
                np.copyto(memory.new[parameter], values[box])
            return tuple([np.array(values[box])[()] for box in graph.outputs[: request.returned]])

        text = "def step(*given):\n    return run(memory, given)\n"
        bindings = [Binding("memory", lambda memory: memory), constant("run", run)]
        return Program("one call for each box", text, bindings, copied=(False,) * request.returned)


@pytest.fixture
def by_calls(monkeypatch):
    monkeypatch.setattr(emitters, "_loaders", dict(emitters._loaders))
    emitter("by calls")(ByCalls)


def trained(**options):
    x = fg.Input("x", shape=("N", 3))
    w, b = fg.Parameter(np.ones((3, 2)), name="w"), fg.Parameter(np.zeros(2), name="b")
    scale = fg.Parameter(2.0, name="scale")
    loss = fg.mean(np.tanh(scale * (x @ w) + b) ** 2)
    updates = {p: p - 0.1 * g for p, g in zip((w, b), fg.gradient(loss, [w, b]), strict=True)}
    step = fg.compile([loss], updates, **options)
    losses = [float(step(x=np.full((n, 3), 0.1 * n))[0]) for n in (2, 3, 2)]
    return step, [*losses, *w.value.ravel(), *b.value]


def test_a_back_end_is_one_class(by_calls):
    step, found = trained(backend="by calls")
    np.testing.assert_allclose(found, trained()[1], rtol=1e-12)
    assert step.source == "one call for each box"
    with fg.debug():
        step(x=np.ones((2, 3)))


def test_what_a_back_end_refuses_numpy_runs(by_calls):
    x = fg.Input("x", shape=(3,))
    with pytest.warns(
        UserWarning, match=r'backend="by calls"\): CumSum is not for this back end, built at .*NumPy runs'
    ):
        plan = fg.compile(np.cumsum(x) * 2, backend="by calls").prepare(x=np.ones(3))
    assert "def step(x)" in plan.source


def test_a_back_end_that_is_missing_is_replaced_by_numpy(by_calls, monkeypatch):
    monkeypatch.setattr(ByCalls, "missing", "it is switched off")
    with pytest.warns(UserWarning, match="it is switched off; NumPy runs this plan"):
        assert "def step(x, scale)" in trained(backend="by calls")[0].source


def test_an_unknown_back_end_is_refused_and_the_others_are_listed(by_calls):
    with pytest.raises(
        UsageError, match=r"found backend='abacus', needs 'numpy', 'numba', 'jax', 'javascript' or 'by calls'"
    ):
        fg.compile(fg.Input("x"), backend="abacus")


def test_one_file_alone_writes_into_boxes():
    writing = {
        path.relative_to(HOME).as_posix()
        for path in HOME.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("__dict__", "__setattr__")
    }
    assert writing == {"rebuild.py"}
