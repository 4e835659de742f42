"""What is of the wrong kind, given to a public callable in place of one argument, is refused by an error that says who.

An error is flowgraph's own, or one of Python's that names the callable; NumPy's and Python's own about what the
callable does inside say nothing to who wrote the call.
"""

import contextlib
import inspect
import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.cases import cases
from tests.registry import boxes_with_examples

WRONG = {
    "None": None, "a text": "foo", "bytes": b"a", "NaN": np.nan, "-1": -1, "1/2": 0.5, "1j": 1j, "1e30": 10**30,
    "[]": [], "[-1]": [-1], "ragged": [[1], [1, 2]], "a dict": {}, "an object": object(), "objects": np.array([{}, 1]),
    "texts": np.array(["a", "b"]), "dates": np.array(["2020-01-01"], dtype="M8[D]"), "a type": dict,
}  # fmt: skip

P = fg.Parameter(np.ones(3), name="p")
LOSS = fg.sum(P**2)
CELL = {"inputs": 2, "hidden": 2}
FANS = {"fan_in": 2, "fan_out": 2}
CALLS = {
    fg.Input: {"name": "a", "shape": (2,)}, fg.Parameter: {"value": np.ones(2), "name": "a"},
    fg.Constant: {"value": 1.0}, fg.Random: {"draw": np.random.Generator.normal, "shape": (2,)},
    fg.GRU: CELL, fg.LSTM: CELL, fg.RNN: CELL, fg.Linear: FANS, fg.MLP: {"sizes": [2, 2]},
    fg.BatchNorm: {"features": 2}, fg.LayerNorm: {"shape": 2}, fg.Embedding: {"count": 2, "size": 2},
    fg.ConvLayer: {"channels": 1, "filters": 2, "size": 2}, fg.MultiHeadAttention: {"size": 4, "heads": 2},
    fg.glorot_uniform: FANS, fg.he_uniform: FANS, fg.he_normal: FANS, fg.SGD: {}, fg.Momentum: {}, fg.Nesterov: {},
    fg.Adagrad: {}, fg.Adam: {}, fg.AdamW: {}, fg.RMSProp: {}, fg.Clipped: {"rule": fg.SGD(), "norm": 1.0},
    fg.Proximal: {"rule": fg.SGD(), "l1": 0.1}, fg.EarlyStopping: {}, fg.debug: {}, fg.scope: {"name": "a"},
    fg.gradient: {"output": LOSS, "wrt": P}, fg.vjp: {"output": LOSS, "wrt": P, "grad": 1.0},
    fg.jvp: {"output": LOSS, "wrt": P, "along": np.ones(3)}, fg.hvp: {"output": LOSS, "wrt": P, "along": np.ones(3)},
    fg.jacobian: {"output": P * 2.0, "wrt": P}, fg.hessian: {"output": LOSS, "wrt": [P]}, fg.opened: {"box": LOSS},
    fg.objective: {"losses": (fg.Input("n", shape=("N",)) - P[0]) ** 2, "regularizer": fg.L2(P), "strength": 1.0},
    fg.set_at: {"a": P, "index": 0, "value": 1.0}, fg.add_at: {"a": P, "index": 0, "value": 1.0},
    fg.load: {"path": "there is none"}, fg.save: {"path": "unused.safetensors", "graph": LOSS},
    fg.polygamma: {"n": 1, "x": P}, fg.softmax: {"a": P}, fg.log_softmax: {"a": P}, fg.logsumexp: {"a": P},
    **{one: {"a": P} for one in (fg.mean, fg.sum, fg.relu, fg.elu, fg.gelu, fg.leaky_relu, fg.linear, fg.sigmoid,
                                 fg.silu, fg.softplus, fg.stop_gradient)},
}  # fmt: skip
BOXES = {name: cls for name, cls in boxes_with_examples().items() if cls.public}
ALLOCATES = {"inputs", "hidden", "fan_in", "fan_out", "features", "shape", "count", "size", "channels", "filters"}
"""A size of 1e30 is of the right kind: there is no room for it."""

pytestmark = pytest.mark.no_cover


@contextlib.contextmanager
def refused_by_name(who, place, kind):
    """Whatever is raised inside has to be flowgraph's own, or to name the callable."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    except fg.FlowgraphError:
        pass
    except (TypeError, ValueError) as error:
        if who not in str(error):
            pytest.fail(f"{who}: {kind} as {place} raises {type(error).__name__}: {error}")


@pytest.mark.parametrize("name", BOXES)
def test_a_box_refuses_wrong_kinds_by_name(name):
    case = cases(BOXES[name])[0]
    for place, child in enumerate(case.box.names_of_children()):
        for kind, wrong in WRONG.items():
            with refused_by_name(name, child, kind):
                BOXES[name](*case.children[:place], wrong, *case.children[place + 1 :], **case.settings)
    for setting in BOXES[name].settings:
        for kind, wrong in WRONG.items():
            with refused_by_name(name, setting, kind):
                BOXES[name](*case.children, **{**case.settings, setting: wrong})


@pytest.mark.parametrize("function", CALLS, ids=lambda function: function.__name__)
def test_a_callable_refuses_wrong_kinds_by_name(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for parameter in inspect.signature(function).parameters.values():
        for kind, wrong in WRONG.items():
            if (kind == "1e30" and parameter.name in ALLOCATES) or parameter.name == "init":
                continue
            with refused_by_name(function.__name__, parameter.name, kind), contextlib.ExitStack() as opened:
                made = function(**{**CALLS[function], parameter.name: wrong})
                if hasattr(made, "__enter__"):
                    opened.enter_context(made)


@pytest.mark.parametrize("option", [
    name for name, one in inspect.signature(fg.check).parameters.items() if one.kind is one.KEYWORD_ONLY
    and name not in ("bprop", "second", "valid")
])  # fmt: skip
def test_an_option_of_the_check_is_refused_by_name(option):
    for kind, wrong in WRONG.items():
        with refused_by_name("check", option, kind):
            fg.check(np.sinh, np.ones(2), bprop=lambda grad, h, x: (grad * np.cosh(x),), **{option: wrong})


def test_an_array_of_a_parameter_is_refused_by_its_name():
    weights = fg.Parameter(np.ones(3), name="weights")
    for kind, wrong in WRONG.items():
        with refused_by_name("weights", "the value", kind):
            weights.value = wrong
    np.testing.assert_array_equal(weights.value, np.ones(3))


def test_a_named_length_is_no_number_of_arrays_or_times():
    x, v = fg.Input("x", shape=("N", 3)), fg.Input("v", shape=(3,))
    for call in (
        lambda: np.concatenate(x),
        lambda: np.concatenate(x, axis=1),
        lambda: np.stack(x),
        lambda: np.concatenate(fg.Input("s")),
        lambda: np.repeat(v, -1),
        lambda: np.repeat(v, [-1, 1, 2]),
        lambda: np.repeat(v, "a"),
        lambda: np.repeat(x, -1, axis=0),
        lambda: np.repeat(v, [1, 2]),
    ):
        with pytest.raises(fg.FlowgraphError):
            call()


def test_arrays_of_numpy_for_a_function_of_another_library_are_refused_with_the_way_out(tmp_path):
    jax = pytest.importorskip("jax")

    def f(w, x):
        return jax.lax.cond(w.sum() > 0, lambda a: a, lambda a: 2 * a, w).sum() * x.sum()

    for call in (lambda *given: fg.render(f, *given, tmp_path / "f.svg"), lambda w, x: fg.trace(f, w=w, x=x)):
        with pytest.raises(fg.FlowgraphError, match=r"f called on boxes raises .* jnp\.asarray\(x\)"):
            call(np.ones(3), np.ones(3))
    assert fg.check(f, np.ones(3), np.ones(3)).passed
    assert fg.render(f, jax.numpy.ones(3), jax.numpy.ones(3), tmp_path / "f.svg").exists()
