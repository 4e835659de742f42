"""Plans through Numba: the numbers of the NumPy plan, and NumPy where Numba cannot."""

import importlib.util
import sys
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

import flowgraph as fg
from flowgraph.checking.strategies import graphs
from flowgraph.plan import native
from flowgraph.training.mlp import HIDDEN
from tests.cases import cases
from tests.derivatives.test_other_shapes import BOXES, named, resized
from tests.plan.agreement import assert_agree
from tests.plan.native_in_python import in_python
from tests.plan.test_plan import Stops, batch, network
from tests.plan.test_random_graphs import largest, wanted

pytestmark = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")


@pytest.fixture
def interpreted(monkeypatch):
    """Python runs the source, so that a test does not wait for Numba."""
    monkeypatch.setattr(native.bind, "compiled", in_python)


def is_native(plan):
    return isinstance(plan.last, native.NativeSpecialised)


def built_with_gradients(case):
    """Box and gradients on inputs, what is fed to them, and the values that the graph gives; None where it cannot."""
    built = named(case)
    if built is None:
        return None
    box, leaves = built
    outputs = [box] if len(box.outputs) == 1 else list(box)
    wrt = [leaves[i] for i in case.floats] if any(o.dtype.kind in "fc" for o in outputs) else []
    arriving = [fg.Input(f"arriving{i}", shape=one.shape, dtype=one.dtype) for i, one in enumerate(outputs)]
    grads = fg.gradients(outputs, wrt, arriving, unused="zeros") if wrt else []
    graph, alone = fg.Graph(*outputs, *grads), fg.Graph(*outputs)
    feeds = dict(zip(leaves, resized(case, 0), strict=True))
    run = alone.fprop({leaf: feeds[leaf] for leaf in leaves if leaf in alone})
    sent = {
        a: np.cos(np.arange(run[o].size).reshape(run[o].shape)).astype(o.dtype)
        for a, o in zip(arriving, outputs, strict=True)
    }
    every = {leaf: value for leaf, value in {**feeds, **sent}.items() if leaf in graph}
    return graph, every, graph.fprop(every).outputs


@pytest.mark.parametrize("name", BOXES)
def test_every_box_with_native_lines_gives_the_numbers_of_its_graph(interpreted, name):
    for case in cases(BOXES[name]):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                built = built_with_gradients(case)
            except (fg.FlowgraphError, ValueError, IndexError, np.linalg.LinAlgError):
                continue
            if built is None:
                continue
            graph, feeds, expected = built
            plan = fg.compile(graph, backend="numba")
            found = plan(feeds)
        finite = [value for value in feeds.values() if np.isfinite(value).all()]
        scale = max([float(np.max(np.abs(value), initial=0)) for value in finite], default=0)
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_agree(one, other, f"{name} {case.settings} output {place}\n{plan.source}", scale)
        if not is_native(plan):
            break
