"""The graph of a derivative holds what the function and its bprops write, and reads the arguments of the caller."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.boxes import Positive
from flowgraph.errors import UsageError
from flowgraph.functional import (
    checkpoint,
    grad,
    grad_and_aux,
    hessian,
    jacobian,
    jit,
    jvp,
    make_vjp,
    trace,
    value_and_grad,
    vjp,
    vmap,
)
from flowgraph.graph.topology import topological_order
from flowgraph.loops.body import Body
from tests.functional.nests import POINTS, are_close, drawn, of_flowgraph


def every_box(outputs):
    """The boxes that these read, and those inside of loops and checkpoints among them."""
    for box in topological_order(outputs):
        yield from (box, *boxes_inside(box))


def boxes_inside(box):
    """The boxes of the body of a loop or a checkpoint; a box that runs another one for each row has that one inside."""
    for setting in box.setting_values().values():
        if isinstance(setting, Body):
            yield from every_box([setting])
        elif isinstance(setting, fg.Box):
            yield from (setting, *boxes_inside(setting))


def count(graph, cls):
    return sum(type(box) is cls for box in every_box(graph.outputs))


def value_of(graph, x):
    """What the graph of a function gives for its argument; a slope that is the same everywhere reads none."""
    return np.asarray(graph.fprop(**{leaf.name: x for leaf in graph.inputs})[graph.outputs[0]])


def traced(f, x):
    """The graph of a function; None where a derivative by an array in it reads what has no value."""
    try:
        return trace(f, x=x)
    except UsageError as error:
        if "found an input from outside of the function, which has no value here" not in str(error):
            raise
    return None


@settings(max_examples=max(8, settings().max_examples // 5))
@given(seed=st.integers(0, 1 << 30), depth=st.integers(1, 4), outer=st.sampled_from([None, grad, vmap, jit]))
def test_the_graph_of_nested_transforms_has_no_box_that_nobody_wrote(seed, depth, outer):
    """No nest writes np.positive, so none is in its graph, of which the values are those of the calls."""
    f = drawn(np.random.default_rng(seed), of_flowgraph(), depth)
    transform = {None: lambda f: f, grad: lambda f: grad(lambda x: np.sum(f(x)))}.get(outer, outer)
    x = POINTS if outer is vmap else POINTS[0]
    graph = traced(transform(f), x) or traced(jit(transform(f)), x)
    assume(graph is not None)
    assert not count(graph, Positive)
    assert {leaf.name for leaf in graph.inputs} <= {"x"}
    assert are_close(value_of(graph, x), np.asarray(transform(f)(x)))


STEPS = [np.positive, np.positive, np.sin, np.tanh, lambda h: h * h, lambda h: h[::-1], lambda h: h - 0.5 * np.exp(-h)]
DERIVATIVES = [
    lambda f: grad(lambda x: np.sum(f(x))), jacobian, lambda f: value_and_grad(lambda x: np.sum(f(x))),
    lambda f: hessian(lambda x: np.sum(f(x))), lambda f: lambda x: jvp(f)(x, np.ones(3)),
    lambda f: lambda x: make_vjp(f)(x)[0](np.ones(3)),
    lambda f: grad(lambda x: np.sum(grad(lambda t: np.sum(f(t)))(x))),
]  # fmt: skip


@given(steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=6), derive=st.sampled_from(DERIVATIVES))
def test_what_a_program_writes_stays(steps, derive):
    """np.positive of the program is drawn, as often as without the derivative where the derivative reads its value."""

    def f(x):
        for step in steps:
            x = step(x)
        return x

    def g(x):
        return np.tanh(f(x)) * x

    assert count(trace(derive(g), x=POINTS[0]), Positive) == steps.count(np.positive)


@pytest.mark.parametrize("derive", [value_and_grad, lambda f: grad_and_aux(lambda x: (x * 2.0, f(x)))])
def test_an_output_that_is_the_argument_is_the_input(derive):
    graph = trace(derive(lambda x: x), x=2.0)
    assert any(output is graph.inputs[0] for output in graph.outputs)
    assert len(graph.inputs) == 1
    assert not count(graph, Positive)


def rows_of(graph):
    """What a table or a picture says of each box."""
    return [
        (type(box), graph.names[box], box.is_derivative, [graph.names[child] for child in box.children])
        for box in graph.boxes
    ]


@given(steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=6))
def test_the_graph_is_that_of_the_gradient_by_the_inputs(steps):
    """Names of gradients, what is marked as a derivative, order and edges are those of `fg.gradient`."""

    def f(x, W):
        for step in steps:
            x = step(x * W)
        return np.sum(x * x)

    x, W = fg.Input("x", shape=(3,)), fg.Input("W", shape=(3,))
    built = fg.Graph(*fg.gradient(f(x, W), [x, W]))
    assert rows_of(trace(grad(f, (0, 1)), x=POINTS[0], W=POINTS[1])) == rows_of(built)


def test_only_the_uses_of_the_argument_are_differentiated():
    """Those of the same box outside of the function are not, though the graph has one box for both."""
    graph = trace(lambda x: grad(lambda t: np.sum(np.sin(t) * x))(x), x=POINTS[0])
    np.testing.assert_allclose(graph.fprop(x=POINTS[0])[graph.outputs[0]], np.cos(POINTS[0]) * POINTS[0])
    assert not count(graph, Positive)


def test_the_value_and_every_pull_share_the_boxes_of_one_call():
    def both(x):
        pull, value = make_vjp(lambda t: np.sin(np.exp(t)) * x)(x)
        return value, pull(np.ones(3)), pull(value)

    graph = trace(both, x=POINTS[0])
    assert (count(graph, fg.Exp), count(graph, fg.Sin), count(graph, Positive)) == (1, 1, 0)
    x = POINTS[0]
    slope = np.cos(np.exp(x)) * np.exp(x) * x
    run = graph.fprop(x=x)
    for output, needed in zip(
        graph.outputs, (np.sin(np.exp(x)) * x, slope, np.sin(np.exp(x)) * x * slope), strict=True
    ):
        np.testing.assert_allclose(run[output], needed)


def test_boxes_that_a_user_builds_are_read_by_the_derivative_itself():
    W = fg.Parameter(POINTS[0], name="W")
    graph = fg.Graph(grad(lambda w: np.sum(w**3))(W))
    assert list(graph.parameters) == [W]
    assert not count(graph, Positive)


def test_a_trace_inside_of_a_call_has_none_either():
    def f(x):
        assert not count(trace(grad(lambda t: np.sum(np.sin(t) * t)), t=POINTS[0]), Positive)
        return np.sum(x)

    grad(f)(POINTS[0])


def test_a_number_of_python_widens_no_floats_behind_a_derivative():
    found = jit(lambda s, v: value_and_grad(lambda t: t * t)(s)[0] * v)(2.0, np.ones(3, np.float32))
    assert found.dtype == np.float32


ROWS = np.array([[0.7, -0.2, 0.4], [-0.5, 0.3, 0.8]])
READERS = {
    "a scan": lambda t: fg.scan(lambda c, e: (np.sin(c) * t + e, c), t, ROWS)[0],
    "a checkpoint": lambda t: checkpoint(lambda s: np.sin(s) * t)(t * t),
    "a map": lambda t: np.sum(vmap(lambda row: np.sin(row * t))(ROWS), axis=0),
    "a gradient by an array": lambda t: grad(lambda s: np.sum(np.sin(s * t) ** 2))(ROWS[0]),
    "a function under jit": lambda t: jit(lambda s: np.sin(s * t))(ROWS[0]),
}
"""Functions in which another reads the argument as one of the function around it."""

WAYS = {
    "called": lambda f: f(POINTS[0]),
    "differentiated": lambda f: jacobian(f)(POINTS[0]) @ POINTS[1],
    "traced": lambda f: value_of(trace(f, x=POINTS[0]), POINTS[0]),
    "under jit": lambda f: jit(f)(POINTS[0]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reader", READERS)
def test_what_reads_an_array_that_is_differentiated_by_sends_its_gradient(reader, way):
    """The derivative by an array, inside of a function of a vector, is that of the calls, times the vector."""
    f = READERS[reader]
    matrix = jacobian(f)(ROWS[0])
    v = POINTS[1] if way == "differentiated" else POINTS[0]
    np.testing.assert_allclose(WAYS[way](lambda x: jvp(f)(ROWS[0], x)), matrix @ v)
    np.testing.assert_allclose(WAYS[way](lambda x: vjp(f)(ROWS[0], x)), matrix.T @ v)


@pytest.mark.parametrize("leaf", [fg.Parameter(POINTS[0], name="W"), fg.Input("W", shape=(3,))])
def test_another_thread_that_would_lose_a_gradient_is_refused(leaf):
    def f(w):
        with ThreadPoolExecutor(1) as pool:
            return np.sum(pool.submit(lambda: vmap(lambda row: np.sin(row * w))(ROWS)).result())

    with pytest.raises(UsageError, match=r"'W', built at .* found an input from outside of the function"):
        grad(f)(leaf)
