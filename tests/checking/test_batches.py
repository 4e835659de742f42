"""Values along several lines in one call: the same as one by one, or not believed."""

import numpy as np
import pytest

from flowgraph.checking.difference import STEP
from flowgraph.checking.frameworks.check_framework import framework_target
from flowgraph.checking.point import MOST_REFUSALS, Point, Runner, stacked
from flowgraph.checking.target import Target

X, W = np.random.default_rng(3).normal(size=(3, 4)), np.random.default_rng(4).normal(size=(4, 2))


def point_of(target):
    return Point.at(Runner(target, 10**6, 100.0), target.inputs, "here", target.differentiated)


def lines_of(point):
    """Every input along a dense direction and along one element, by three steps to either side."""
    steps = [side * STEP * 4.0**-k for k in range(3) for side in (1, -1)]
    found = []
    for i in point.active:
        one = np.zeros(np.shape(point.inputs[i]))
        one.flat[0] = 1.0
        found += [({i: 1 + 0 * one}, steps), ({i: one}, steps)]
    return found


def one_by_one(point, lines):
    return [point._value(point.moved(direction, h)) for direction, steps in lines for h in steps]


def product():
    return Target.of_functions(lambda a, b: np.exp(a) @ b, lambda g, y, a, b: (a, b), (X, W))


def test_a_stack_holds_the_point_and_every_step():
    point = point_of(product())
    lines = lines_of(point)
    stacks = stacked(point.inputs, lines)
    rows = [point.moved(direction, h) for direction, steps in lines for h in steps]
    for i, x in enumerate(point.inputs):
        np.testing.assert_array_equal(stacks[i], np.stack([x, *(row[i] for row in rows)]))


@pytest.mark.parametrize("name", ["sigmoid", "softmax", "matmul", "std", "cholesky", "complex"])
def test_torch_functions_in_one_vmap(name):
    torch = pytest.importorskip("torch")
    square = X[:, :3] @ X[:, :3].T + 3 * np.eye(3)
    function, inputs = {
        "sigmoid": (torch.sigmoid, (X,)),
        "softmax": (torch.softmax, (X, 1)),
        "matmul": (torch.matmul, (X, W)),
        "std": (lambda a: torch.std(a, dim=0), (X,)),
        "cholesky": (torch.linalg.cholesky, (square,)),
        "complex": (lambda a: torch.fft.fft(a), (X,)),
    }[name]
    given = [torch.tensor(x) if isinstance(x, np.ndarray) else x for x in inputs]
    point = point_of(framework_target(function, given))
    lines = lines_of(point)
    found = point._batched(stacked(point.inputs, lines))
    assert found is not None
    for row, needed in zip(found, one_by_one(point, lines), strict=True):
        np.testing.assert_allclose(row, needed, rtol=1e-13, atol=1e-14)


def test_rows_that_valid_refuses_or_that_are_not_finite_are_left_out():
    point = point_of(Target.of_functions(lambda a: 1 / a, lambda g, y, a: (a,), (np.array([1.0]),)))
    point.runner.many = lambda inputs, stacks: [1 / stacks[0]]
    line = [({0: np.ones(1)}, [-1.0, 1.0])]
    with np.errstate(divide="ignore"):
        assert point._batched(stacked(point.inputs, line))[0] is None
    object.__setattr__(point.runner.target, "valid", lambda a: a < 1.5)
    assert point._batched(stacked(point.inputs, [({0: np.ones(1)}, [0.25, 1.0])]))[1] is None


@pytest.mark.parametrize(
    "many",
    [
        lambda inputs, stacks: [np.exp(stacks[0]) @ inputs[1] + 1e-9],  # another value at the point itself
        lambda inputs, stacks: [np.exp(stacks[0])],  # another form
        lambda inputs, stacks: 1 / 0,
    ],
)
def test_what_is_not_the_function_is_not_believed_and_not_asked_for_ever(many):
    asked = []
    point = point_of(product())
    point.runner.many = lambda inputs, stacks: asked.append(1) or many(inputs, stacks)
    for _ in range(5):
        assert point._batched(stacked(point.inputs, lines_of(point))) is None
    assert len(asked) == MOST_REFUSALS


def test_a_torch_function_that_branches_on_values_is_run_one_by_one():
    torch = pytest.importorskip("torch")
    fg = pytest.importorskip("flowgraph")

    def branching(x):
        return x * x if x.sum() > 0 else 3 * x

    assert fg.check(branching, torch.tensor([0.5, 1.5])).passed
