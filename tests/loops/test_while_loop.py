"""fg.while_loop: the values and derivatives of the steps that are taken, of any order, in graphs and plans."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import StepLimitError
from tests.loops.bodies import all_derivatives, assert_close, leaves, objective, random_body

SHAPES = [(), (2,), (3, 3)]
LIMIT = 4.0


def random_loop(seed, shape, dtype=float):
    """A random body of two carries and a counter, a condition, the first carry, the leaves, what is fed."""
    rng = np.random.default_rng(seed)
    body_on = random_body(rng, shape)
    first, x, outer = leaves(rng, shape, dtype, 1)
    step = body_on(outer)

    def body(carry):
        (a, b), _ = step(carry[:2], x[0])
        return a + x[0] * 0.1, b, carry[2] + 1

    def condition(carry):
        return np.mean(carry[0] ** 2) * 0.5 + carry[2] + np.max(np.sin(outer[0]) ** 2) < LIMIT

    wrt = [*first, x, *outer]
    return condition, body, (*first, 0), wrt, {"x": np.random.default_rng(seed).normal(size=x.shape).astype(dtype)}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_a_loop_is_the_steps_that_it_takes(seed, shape, dtype):
    condition, body, first, leaves, fed = random_loop(seed, shape, dtype)
    *last, count = fg.while_loop(condition, body, first)
    carry = first
    for _ in range(int(fg.Graph(count).fprop(fed).outputs[0])):
        carry = body(carry)
    assert carry[2] > 1
    loss, other = objective(last), objective(carry[:2])
    wrt = [box for box in leaves if box in fg.Graph(other)]
    one = all_derivatives(loss, wrt)
    needed = fg.Graph(*all_derivatives(other, wrt)).fprop(fed).outputs
    assert_close(fg.Graph(*one).fprop(fed).outputs, needed, dtype)
    assert_close(fg.compile(one)(fed), needed, dtype)
    swept = fg.Graph(loss).fprop(fed).bprop(wrt=wrt)
    assert_close([swept[box] for box in wrt], needed[1 : 1 + len(wrt)], dtype)


def halved(a, **how):
    return fg.while_loop(lambda c: c > 1.0, lambda c: c * 0.5, a, **how)


def test_one_graph_and_one_plan_take_as_many_steps_as_the_values_need():
    a = fg.Input("a")
    last = halved(a)
    boxes = [last, *fg.gradient(last, [a]), fg.hessian(last * last, [a])]
    graph, plan = fg.Graph(*boxes), fg.compile(boxes)
    for value, steps in ((9.0, 4), (0.5, 0), (1.5, 1), (1e6, 20)):
        needed = [value * 0.5**steps, 0.5**steps, [[2 * 0.25**steps]]]
        for found in (graph.fprop(a=value).outputs, plan(a=value)):
            for one, other in zip(found, needed, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-13)


def test_results_share_no_memory_with_what_is_given():
    first = np.ones((9, 9))
    for bound in (0.5, 100.0):
        last, same = fg.while_loop(lambda c, b=bound: np.max(c[0]) < b, lambda c: (c[0] * 2.0, c[1]), (first, first))
        assert not np.shares_memory(last, first)
        assert not np.shares_memory(same, first)
        assert not np.shares_memory(same, last)


def test_integer_and_bool_carries_and_named_sizes():
    x = fg.Input("x", shape=("N",))
    k, _, more = fg.while_loop(
        lambda c: c[2] & (np.sum(x) > 0.0), lambda c: (c[0] + 1, c[1] * 0.5, fg.sum(c[1]) > 2.0), (0, x, True)
    )
    graph, plan = fg.Graph(k, more), fg.compile([k, more])
    for fed, steps in ((np.ones(3), 2), (np.full(16, 1.0), 4), (-np.ones(2), 0)):
        assert [one.item() for one in graph.fprop(x=fed).outputs] == [steps, not steps]
        assert [one.item() for one in plan(x=fed)] == [steps, not steps]


def test_loops_stand_in_loops():
    x = fg.Input("x", shape=("T",))
    w = fg.Parameter(0.9, name="w")

    def row(carry, element):
        last = fg.while_loop(lambda c: c > 1.0, lambda c: np.sin(c) * w, carry + element)
        return last, last

    last, _ = fg.scan(row, w * 1.0, x)
    fed = np.array([2.0, 3.5, 0.1, 4.0])
    value = 0.9
    carry = w * 1.0
    for element in fed:
        carry, value = carry + fg.Constant(element), value + element
        while value > 1.0:
            carry, value = np.sin(carry) * w, np.sin(value) * 0.9
    needed = fg.Graph(carry, *fg.gradient(carry, [w]), fg.hessian(carry, [w])).fprop().outputs
    boxes = [last, *fg.gradient(last, [w]), fg.hessian(last, [w])]
    assert_close(fg.Graph(*boxes).fprop(x=fed).outputs, needed)
    assert_close(fg.compile(boxes)(x=fed), needed)


def test_checkpoints_stand_in_loops_and_loops_in_checkpoints():
    a = fg.Input("a")
    body = lambda c: np.sin(c) * c * 0.7  # noqa: E731
    results = []
    for how in ("plain", "inside", "around"):
        step = fg.checkpoint(body) if how == "inside" else body
        run = lambda a, step=step: fg.while_loop(lambda c: c > 0.1, step, a)  # noqa: E731
        last = (fg.checkpoint(run) if how == "around" else run)(a)
        wanted = [last, *fg.gradient(last, [a]), fg.hessian(last, [a])]
        results.append(fg.Graph(*wanted).fprop(a=2.0).outputs)
        assert_close(fg.compile(wanted)(a=2.0), results[0])
    assert_close(results[1], results[0])
    assert_close(results[2], results[0])


def test_a_picture_shows_the_loop_as_one_box_and_the_body_once():
    a = fg.Input("a")
    last = halved(np.sin(a))
    assert fg.Graph(last).to_dot().count("while") > 0
    loop = last.children[0]
    assert [type(box).__name__ for box in fg.Graph(*loop.condition.results) if box.children] == ["Greater"]
    assert "svg" in fg.Graph(*loop.body.results).to_svg()


@pytest.mark.parametrize(
    ("loop", "text"),
    [
        (lambda a: halved(a, max_steps=3), r"true after 3 steps, needs one that becomes false; give while_loop"),
        (lambda a: fg.while_loop(lambda c: c > 0.0, lambda c: c, a), "after 100,000 steps.*last step changed nothing"),
        (lambda a: fg.while_loop(lambda c: ~(c < 0.0), lambda c: c * np.inf, a), r"carry\[0\] is not finite|changed"),
    ],
)
def test_an_endless_loop_is_an_error_with_what_is_known_of_it(loop, text):
    a = fg.Input("a")
    last = loop(a)
    for run in (fg.Graph(last).fprop, fg.compile(last)):
        with pytest.raises(StepLimitError, match=f"(?s){text}.*built at test_while_loop.py"):
            run(a=99.0)
    with pytest.raises(StepLimitError):
        loop(99.0)


def test_the_most_steps_are_allowed():
    assert halved(8.0, max_steps=3) == 1.0
    assert halved(0.5, max_steps=0) == 0.5
    for steps in (0, 1, 2):
        with pytest.raises(StepLimitError, match=f"true after {steps} steps"):
            halved(8.0, max_steps=steps)


X = fg.Input("x", shape=(2,))


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: fg.while_loop(3, lambda c: c, X), TypeError, "found a int as the condition"),
        (lambda: fg.while_loop(lambda c: c > 0, 3, X), TypeError, "found a int as the body"),
        (lambda: fg.while_loop(lambda c: c > 0, lambda c: c, X), TypeError, r"a box \(2,\) bool as the condition"),
        (lambda: fg.while_loop(lambda c: c[0], lambda c: c, X), TypeError, r"a box \(\) float64 as the condition"),
        (lambda: fg.while_loop(lambda c: None, lambda c: c, X), TypeError, "as the condition"),
        (lambda: fg.while_loop(lambda c: c[0] > 0, lambda c: c[0], X), fg.ShapeError, "needs the same shape"),
        (lambda: fg.while_loop(lambda c: c > 0, lambda c: c + 0.5, 0), TypeError, "'float64'"),
        (lambda: fg.while_loop(lambda c: c[0] > 0, lambda c: (c, c), X), TypeError, "a carry of 2 arrays, needs 1"),
        (lambda: fg.while_loop(lambda c: True, lambda c: c, ()), TypeError, "an empty carry"),
        (lambda: fg.while_loop(lambda c: c > 0, lambda c: c, "zero"), TypeError, "in carry"),
        (lambda: fg.while_loop(lambda c: c > 0, lambda c: c, 1.0, max_steps=-1), TypeError, "max_steps=-1"),
        (lambda: fg.while_loop(lambda c: c > 0, lambda c: c if c > 0 else -c, 1.0), TypeError, "value"),
    ],
)
def test_what_is_wrong_is_said_on_the_line_of_the_user(build, error, text):
    with pytest.raises(error, match=text) as caught:
        build()
    assert isinstance(caught.value, fg.FlowgraphError)
