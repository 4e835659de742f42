"""Every registered box, forward and backward: its plan gives the numbers of its graph."""

import warnings

import numpy as np
import pytest

import flowgraph as fg
from tests.cases import cases
from tests.derivatives.test_other_shapes import BOXES, named, resized
from tests.plan.agreement import assert_agree


@pytest.mark.parametrize("name", BOXES)
def test_plan_equals_graph(name):
    for case in cases(BOXES[name]):
        assert_plan_equals_graph(name, case)


def assert_plan_equals_graph(name, case, **settings):
    """The plan of the box and of its gradient, with these settings, at the sizes of the case and at larger ones."""
    built = named(case)
    if built is None:
        return
    box, leaves = built
    outputs = [box] if len(box.outputs) == 1 else list(box)
    wanted = [leaves[i] for i in case.floats] if any(o.dtype.kind in "fc" for o in outputs) else []
    arriving = [fg.Input(f"arriving{i}", shape=one.shape, dtype=one.dtype) for i, one in enumerate(outputs)]
    grads = fg.gradients(outputs, wanted, arriving, unused="zeros") if wanted else []
    graph, alone = fg.Graph(*outputs, *grads), fg.Graph(*outputs)
    plan = fg.compile(graph, **settings)
    for by in (0, 1):
        feeds = dict(zip(leaves, resized(case, by), strict=True))
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                box.with_children(*[fg.Input(leaf.name, shape=feeds[leaf].shape, dtype=leaf.dtype) for leaf in leaves])
                run = alone.fprop({leaf: feeds[leaf] for leaf in leaves if leaf in alone})
                sent = {a: np.cos(np.arange(run[o].size).reshape(run[o].shape)).astype(o.dtype)
                        for a, o in zip(arriving, outputs, strict=True)}  # fmt: skip
                every = {leaf: value for leaf, value in {**feeds, **sent}.items() if leaf in graph}
                expected = graph.fprop(every).outputs
        except (fg.FlowgraphError, ValueError, IndexError, np.linalg.LinAlgError):
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = plan(every)
        scale = max([float(np.max(np.abs(v), initial=0)) for v in every.values() if np.isfinite(v).all()], default=0)
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_agree(one, other, f"{name} {case.settings} output {place}\n{plan.source}", scale)
