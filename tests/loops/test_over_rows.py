"""Loops that functional.vmap and Jacobians map: the numbers of one example after the other, at once."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.derivatives.batching import PerRow
from flowgraph.errors import ShapeError
from flowgraph.functional import grad, hessian, jacobian, vmap
from tests.loops.bodies import random_body

ROWS = 3


def same(found, needed):
    np.testing.assert_allclose(found, np.stack(needed), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_runs_for_all_rows_at_once(seed, reverse):
    rng = np.random.default_rng(seed)
    shape = [(), (3,), (2, 2)][seed % 3]
    body_on = random_body(rng, shape)
    given = [rng.normal(size=one) for one in (shape, shape, (4, *shape), shape[-1:] * len(shape))]

    def total(first, second, x, p):
        carry, stacked = fg.scan(body_on([p, p]), (first, second), x, reverse=reverse)
        return np.sum(carry[0] * carry[1]) + np.sum(stacked[0] * stacked[1] ** 2)

    for mapped in [(0,), (2,), (3,), (0, 1, 2, 3), (1, 3)]:
        axes = tuple(0 if i in mapped else None for i in range(4))
        arrays = [
            np.stack([one * (1 + 0.1 * r) for r in range(ROWS)]) if i in mapped else one for i, one in enumerate(given)
        ]
        rows = [[one[r] if i in mapped else one for i, one in enumerate(arrays)] for r in range(ROWS)]
        same(vmap(total, axes)(*arrays), [total(*row) for row in rows])
        same(vmap(grad(total, argnums=2), axes)(*arrays), [grad(total, argnums=2)(*row) for row in rows])
        whole = grad(lambda *a, axes=axes: np.sum(vmap(total, axes)(*a)), argnums=mapped[0])(*arrays)
        same(whole, [grad(total, argnums=mapped[0])(*row) for row in rows])


def steps(x, a):
    """Newton's method for a root, of a number of steps that depends on the number; how many; what was summed."""
    return fg.while_loop(
        lambda c: np.abs(c[0] ** 2 - a) > 1e-9,
        lambda c: ((c[0] + a / c[0]) / 2, c[1] + 1.0, c[2] + np.sin(c[0]) * c[3], c[3] * 0.5),
        (x, 0.0, 0.0, x * 2.0),
    )


def test_a_while_loop_ends_for_each_row_by_itself():
    x, a = np.array([1.0, 1.2, 20.0]), np.array([2.0, 1.44, 900.0])
    assert len({float(steps(*pair)[1]) for pair in zip(x, a, strict=True)}) == ROWS
    for place in range(4):

        def one(x, a, place=place):
            return steps(x, a)[place]

        def fixed(x, a, one=one):
            return grad(one, argnums=(0, 1))(x, a)

        pairs = list(zip(x, a, strict=True))
        same(vmap(one)(x, a), [one(*pair) for pair in pairs])
        same(vmap(one, (None, 0))(x[0], a), [one(x[0], each) for each in a])
        whole = grad(lambda x, a, one=one: np.sum(vmap(one)(x, a)), argnums=(0, 1))(x, a)
        for found, needed in zip(whole, zip(*[fixed(*pair) for pair in pairs], strict=True), strict=True):
            same(found, needed)


def test_a_while_loop_over_no_rows_takes_no_step():
    empty = np.zeros(0)
    assert vmap(lambda x, a: steps(x, a)[0])(empty, empty).shape == (0,)


def test_a_gradient_inside_of_a_map_of_loops_of_different_lengths_is_refused():
    with pytest.raises(ShapeError, match="while loops of different lengths, map the function and then"):
        vmap(grad(lambda x: steps(x, 2.0)[0]))(np.array([1.0, 30.0]))


@pytest.mark.parametrize("derivative", [jacobian, lambda f: hessian(lambda x: np.sum(f(x) ** 2))])
def test_derivatives_of_scans_run_no_row_by_itself(derivative):
    def f(x):
        return fg.scan(lambda c, e: (np.tanh(c @ np.outer(x, x)) + e, c * e), x, np.ones((4, 3)))[0]

    graph = fg.trace(derivative(f), x=np.array([0.1, 0.2, -0.3]))
    assert not any(isinstance(box, PerRow) for box in graph)


def test_a_plan_of_a_mapped_loop_computes_what_the_graph_does():
    x, a = fg.Input("x", shape=("N",)), fg.Input("a", shape=("N",))
    graph = fg.Graph(vmap(lambda x, a: steps(x, a)[2])(x, a))
    plan = fg.compile(graph)
    for size in (3, 0, 1):
        feeds = {"x": np.linspace(1, 9, size), "a": np.linspace(2, 50, size)}
        np.testing.assert_allclose(plan(**feeds)[0], graph.fprop(feeds).outputs[0], rtol=1e-12)
