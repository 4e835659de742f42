"""The gradient where there is none or several, as the table of conventions in docs/derivatives.md says."""

import numpy as np
import pytest

import flowgraph as fg

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

INF, NAN = np.inf, np.nan
E = np.zeros((0, 3))

EDGES = [
    (fg.relu, [[0.0, 1.0]], [[0, 1]]),
    (np.abs, [[0.0, -1.0]], [[0, -1]]),
    (np.fabs, [[0.0, -1.0]], [[0, -1]]),
    (np.sign, [[0.0, 2.0]], [[0, 0]]),
    (np.maximum, [[1.0], [1.0]], [[0.5], [0.5]]),
    (np.minimum, [[1.0], [1.0]], [[0.5], [0.5]]),
    (np.fmax, [[NAN, 1.0], [1.0, NAN]], [[0, 1], [1, 0]]),
    (np.fmin, [[NAN, 1.0], [2.0, NAN]], [[0, 1], [1, 0]]),
    (np.max, [[1.0, 3.0, 3.0]], [[0, 0.5, 0.5]]),
    (np.min, [[1.0, 1.0, 3.0]], [[0.5, 0.5, 0]]),
    (lambda x: np.max(x, axis=1), [[[1.0, 1.0], [2.0, 0.0]]], [[[0.5, 0.5], [1, 0]]]),
    (lambda x: np.min(x, axis=1), [[[1.0, 1.0], [2.0, 0.0]]], [[[0.5, 0.5], [0, 1]]]),
    (np.nanmax, [[NAN, 2.0, 2.0, 1.0]], [[0, 0.5, 0.5, 0]]),
    (np.ptp, [[1.0, 1.0, 2.0]], [[-0.5, -0.5, 1]]),
    (lambda x: np.linalg.norm(x, INF), [[2.0, -2.0]], [[0.5, -0.5]]),
    (lambda x: np.sort(x) * np.arange(3), [[2.0, 1.0, 1.0]], [[2, 0, 1]]),
    (lambda x: np.partition(x, 1) * np.arange(3), [[2.0, 1.0, 1.0]], [[2, 0, 1]]),
    (np.median, [[1.0, 1.0, 2.0, 2.0]], [[0, 0.5, 0.5, 0]]),
    (lambda x: np.clip(x, 0, 1), [[0.0, 1.0, 0.5, 2.0]], [[1, 1, 1, 0]]),
    (lambda x: x.clip(None, 0), [[-1.0, 0.0, 2.0]], [[1, 1, 0]]),
    (np.sqrt, [[0.0]], [[INF]]),
    (np.cbrt, [[0.0]], [[INF]]),
    (np.log, [[0.0]], [[INF]]),
    (np.log1p, [[-1.0]], [[INF]]),
    (np.linalg.norm, [[0.0, 0.0]], [[0, 0]]),
    (lambda x: np.linalg.norm(x, axis=1), [[[0.0, 0.0], [3.0, 4.0]]], [[[0, 0], [0.6, 0.8]]]),
    (lambda x: np.linalg.norm(x, "nuc"), [np.zeros((2, 2))], [np.zeros((2, 2))]),
    (np.hypot, [[0.0], [0.0]], [[0], [0]]),
    (np.arctan2, [[0.0], [0.0]], [[0], [0]]),
    (lambda x: np.std(x, axis=1), [[[2.0, 2.0], [1.0, 3.0]]], [[[0, 0], [-0.5, 0.5]]]),
    (np.power, [[0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 0.5]], [[0, 1, 0, INF], [0, 0, 0, 0]]),
    (np.power, [[-2.0], [2.0]], [[-4], [NAN]]),
    (np.prod, [[0.0, 2.0, 3.0]], [[6, 0, 0]]),
    (np.cumprod, [[1.0, 0.0, 3.0]], [[1, 4, 0]]),
    (np.floor, [[1.0]], [[0]]),
    (np.rint, [[0.5]], [[0]]),
    (np.heaviside, [[0.0, 1.0], [0.5, 0.5]], [[0, 0], [1, 0]]),
    (np.copysign, [[0.0, 2.0], [-1.0, -1.0]], [[0, -1], [0, 0]]),
    (np.remainder, [[4.0], [2.0]], [[1], [-2]]),
    (np.nan_to_num, [[NAN, INF, -INF, 1.0]], [[0, 0, 0, 1]]),
    (np.nansum, [[NAN, 1.0]], [[0, 1]]),
    (lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 4.0]), [[1.0, -1.0, 3.0]], [[3, 0, 0]]),
    (np.sum, [E], [E]),
    (lambda x: np.max(x, axis=1), [E], [E]),
    (lambda x: np.mean(x, axis=1), [E.T], [E.T]),
    (np.prod, [E], [E]),
    (np.sort, [E], [E]),
    (np.cumsum, [E], [E]),
    (np.linalg.norm, [E], [E]),
    (np.matmul, [E.T, E], [E.T, E]),
]


@pytest.mark.parametrize(("f", "arrays", "needed"), EDGES)
@pytest.mark.filterwarnings("ignore")
def test_the_gradient_at_an_edge(f, arrays, needed):
    children = [fg.Parameter(np.asarray(a), name=f"child{i}") for i, a in enumerate(arrays)]
    total = np.sum(f(*children))
    grads = fg.Graph(total).fprop().bprop()
    built = fg.gradient(total, children)
    again = fg.Graph(*built).fprop()
    for child, box, slope in zip(children, built, needed, strict=True):
        assert grads[child].shape == child.shape
        np.testing.assert_allclose(grads[child], slope)
        np.testing.assert_allclose(again[box], slope)


@pytest.mark.parametrize(
    "f", [np.argmax, np.argmin, np.count_nonzero, lambda x: np.sum(x > 0), lambda x: np.any(x > 0) * 1.0]
)
def test_truth_values_and_whole_numbers_are_no_silent_zero(f):
    x = fg.Parameter([1.0, 2.0], name="x")
    with pytest.raises(fg.FlowgraphError):
        fg.gradient(f(x), [x])
    with pytest.raises(fg.FlowgraphError):
        fg.Graph(f(x)).fprop().bprop()
