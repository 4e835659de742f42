"""The gradient graph of every registered box, built with names for its axes, serves other shapes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import NotDifferentiableError
from tests.cases import cases
from tests.registry import boxes_with_examples

BOXES = {name: cls for name, cls in boxes_with_examples().items() if cls.has_bprop}

served: set[str] = set()


def namings(case):
    """The shapes of the children, with a name for every size above 1; then for the first child's size of one axis."""
    yield [tuple(f"n{s}" if s > 1 else s for s in a.shape) for a in case.children]
    first = case.children[0].shape
    for axis, size in enumerate(first):
        yield [
            tuple("N" if i == axis and s == size and a.ndim == len(first) else s for i, s in enumerate(a.shape))
            for a in case.children
        ]


def named(case, shapes=None):
    """The box on inputs of these shapes, by default all named, or None where it wants numbers."""
    shapes = shapes or next(namings(case))
    leaves = [
        fg.Input(f"child{i}", shape=shape, dtype=a.dtype)
        for i, (shape, a) in enumerate(zip(shapes, case.children, strict=True))
    ]
    try:
        return case.cls(*leaves, **case.settings), leaves
    except (fg.FlowgraphError, TypeError, ValueError):
        return None


def resized(case, by, shapes=None):
    """The children with every named size larger by so many, their values used again."""
    shapes = shapes or next(namings(case))
    return [
        np.resize(a, tuple(s + by if isinstance(name, str) else s for s, name in zip(a.shape, shape, strict=True)))
        .astype(a.dtype)
        for a, shape in zip(case.children, shapes, strict=True)
    ]  # fmt: skip


@pytest.mark.parametrize("name", BOXES)
def test_one_gradient_graph_for_all_shapes(name):
    for case in cases(BOXES[name]):
        for shapes in namings(case):
            built = named(case, shapes)
            if built is None or not case.floats or any(spec.dtype.kind not in "fc" for spec in built[0].outputs):
                continue
            if serve(case, shapes, *built):
                served.add(name)
                break


def serve(case, shapes, box, leaves):
    """Hold the gradient graph against bprop at several sizes; whether there was one other than that of the build."""
    wrt = [leaves[i] for i in case.floats]
    outputs = [box] if len(box.outputs) == 1 else list(box)
    arriving = [fg.Input(f"arriving{i}", shape=one.shape, dtype=one.dtype) for i, one in enumerate(outputs)]
    grads = fg.gradients(outputs, wrt, arriving, unused="zeros")
    graph, alone = fg.Graph(*grads), fg.Graph(*outputs)
    others = 0
    for by in (0, 1, 3):
        feeds = dict(zip(leaves, resized(case, by, shapes), strict=True))
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
        others += by > 0
    return others > 0


def test_every_box_is_served():
    for name in BOXES:
        if name not in served:
            test_one_gradient_graph_for_all_shapes(name)
    differentiable = {n for n, cls in BOXES.items() if any(c.floats for c in cases(cls))}
    assert served >= differentiable, sorted(differentiable - served)
