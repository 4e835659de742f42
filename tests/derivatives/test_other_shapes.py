"""The gradient graph of every registered box, built with names for its axes, serves other shapes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import NotDifferentiableError
from tests.cases import cases

BOXES = {
    name: cls
    for name, cls in fg.registry.items()
    if cls.__module__.startswith("flowgraph.") and not issubclass(cls, fg.Leaf) and cls.examples is not None
    and cls.has_bprop
}  # fmt: skip

served: set[str] = set()


def named(case):
    """The box on inputs with a name for every size above 1, or None where its settings want numbers."""
    leaves = [
        fg.Input(f"child{i}", shape=tuple(f"n{s}" if s > 1 else s for s in a.shape), dtype=a.dtype)
        for i, a in enumerate(case.children)
    ]
    try:
        return case.cls(*leaves, **case.settings), leaves
    except (fg.FlowgraphError, TypeError, ValueError):
        return None


def resized(case, by):
    """The children with every size above 1 larger by so many, their values used again."""
    return [np.resize(a, tuple(s + by if s > 1 else s for s in a.shape)).astype(a.dtype) for a in case.children]


@pytest.mark.parametrize("name", BOXES)
def test_one_gradient_graph_for_all_shapes(name):
    for case in cases(BOXES[name]):
        built = named(case)
        if built is None or not case.floats or any(spec.dtype.kind not in "fc" for spec in built[0].outputs):
            continue
        box, leaves = built
        wrt = [leaves[i] for i in case.floats]
        outputs = [box] if len(box.outputs) == 1 else list(box)
        arriving = [fg.Input(f"arriving{i}", shape=one.shape, dtype=one.dtype) for i, one in enumerate(outputs)]
        grads = fg.gradients(outputs, wrt, arriving, unused="zeros")
        graph, alone = fg.Graph(*grads), fg.Graph(*outputs)
        for by in (0, 1, 3):
            feeds = dict(zip(leaves, resized(case, by), strict=True))
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    run = alone.fprop(feeds)
            except (fg.FlowgraphError, ValueError, IndexError, np.linalg.LinAlgError):
                continue
            rng = np.random.default_rng(by)
            seed = [rng.normal(size=np.shape(run[one])).astype(one.dtype) for one in outputs]
            try:
                needed = run.bprop(grad=seed if len(seed) > 1 else seed[0], wrt=wrt, unused="zeros")
            except (NotDifferentiableError, np.linalg.LinAlgError):  # of singular matrices, which repeated values make
                continue
            feeds |= dict(zip(arriving, seed, strict=True))
            found = graph.fprop({leaf: v for leaf, v in feeds.items() if leaf in graph})
            for one, leaf in zip(grads, wrt, strict=True):
                assert np.shape(found[one]) == np.shape(needed[leaf]), f"{case}: sizes {by} larger"
                np.testing.assert_allclose(found[one], needed[leaf], rtol=1e-9, atol=1e-12, err_msg=f"{case}")
            if by:
                served.add(name)


def test_nearly_every_box_is_served():
    for name in BOXES:
        if name not in served:
            test_one_gradient_graph_for_all_shapes(name)
    differentiable = {n for n, cls in BOXES.items() if any(c.floats for c in cases(cls))}
    assert len(served) > 0.8 * len(differentiable), sorted(differentiable - served)
