"""A graph that is built once, and its gradient graph, serve every batch that NumPy takes: of one example, of none."""

import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import FlowgraphError, OpenChoiceError
from tests.boxes.coverage_list import COMMON, flat, found
from tests.derivatives.test_forward_mode import CALLS, FUNCTIONS

pytestmark = [pytest.mark.no_cover, pytest.mark.sampled(one_in=20)]  # other tests run the same lines

SHAPES = (("N", 3), ("N",)), (("N", "N"), ("N",)), ((3, "N"), ("N",))
OTHERS = {"polymul", "resize"}  # NumPy makes something of nothing
SQUEEZED = {
    "squeeze",
    "cov",
    "corrcoef",
    "nanquantile",
    "nanpercentile",
}  # an axis named N stays, also if it is 1 or 0 in a run


def built(name):
    """The first result of each call of the function that takes inputs with a named size, and its gradients."""
    for call in (CALLS[name],) if name in CALLS else COMMON:
        for shapes in SHAPES:
            inputs = [fg.Input(label, shape=shape) for label, shape in zip("xv", shapes, strict=True)]
            try:
                results = flat(call(found(name), *inputs))
                floats = [i for i, box in enumerate(results) if isinstance(box, fg.Box) and box.dtype.kind in "fc"]
                output = results[floats[0]]
                total = np.sum(np.real(np.sum(output)))
                grads = fg.gradients([total], inputs, [None], unused="zeros")
            except (FlowgraphError, TypeError, ValueError, IndexError, AttributeError):
                continue
            yield call, inputs, floats[0], output, total, grads


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in OTHERS])
@pytest.mark.parametrize("size", [2, 1, 0])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_function_serves_every_batch(name, size):
    rng = np.random.default_rng(0)
    for call, inputs, place, output, total, grads in built(name):
        arrays = [rng.uniform(0.1, 0.9, [size if n == "N" else n for n in box.shape]) for box in inputs]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                needed = flat(call(found(name), *arrays))[place]
            except (TypeError, ValueError, IndexError, ZeroDivisionError, np.linalg.LinAlgError):
                continue
            graph = fg.Graph(output, total)
            run = graph.fprop({box: a for box, a in zip(inputs, arrays, strict=True) if box in graph})
            if isinstance(needed, np.ndarray | np.generic) and name not in SQUEEZED:
                np.testing.assert_allclose(run[output], needed, rtol=1e-9, atol=1e-9, strict=False)
                assert np.shape(run[output]) == np.shape(needed)
            wrt = [box for box in inputs if box in graph]
            try:
                swept = run.bprop((np.zeros_like(run[output]), 1.0), wrt=wrt, unused="zeros")
            except OpenChoiceError:  # the basis of a null space, which a matrix of one row has
                continue
            backward = fg.Graph(*grads)
            again = backward.fprop({box: a for box, a in zip(inputs, arrays, strict=True) if box in backward})
        for box, grad in zip(inputs, grads, strict=True):
            if box in graph:
                np.testing.assert_allclose(again[grad], swept[box], rtol=1e-8, atol=1e-8)
