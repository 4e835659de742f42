"""Large graphs: no recursion anywhere, work linear in the boxes."""

import copy

import numpy as np
import pytest

import flowgraph as fg

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long


def chain(length):
    """h = h + w or h * 1.0000001, many times."""
    w = fg.Parameter(1e-6, name="w")
    h = w
    for i in range(length // 2):
        h = h + w if i % 2 else h * 1.0
    return h, w


@pytest.mark.sampled(one_in=6)
def test_a_chain_of_30_000_boxes():
    h, w = chain(40_000)
    graph = fg.Graph(h)
    assert len(graph) > 30_000
    run = graph.fprop()
    assert run.bprop()[w] == 10_001.0
    assert float(run.update(w=2e-6)) == pytest.approx(2 * float(run), rel=1e-9)
    assert str(graph).count("\n") > 30_000
    again = fg.Graph(copy.deepcopy(h))
    again["w"].value = 2e-6
    assert float(again.fprop()) == pytest.approx(2 * float(run), rel=1e-9)
    (dw,) = fg.gradient(h, [w])
    assert fg.Graph(dw).fprop()[dw] == 10_001.0


def test_a_layer_cake_of_300_diamonds():
    w = fg.Parameter(1.0, name="w")
    h = w
    for _ in range(300):
        h = 0.5 * h + 0.5 * h
    graph = fg.Graph(h)
    assert len(graph) < 2_000
    assert graph.fprop().bprop()[w] == 1.0


@pytest.mark.sampled(one_in=6)
def test_a_wide_sum_of_30_000_terms():
    w = fg.Parameter(np.ones(2), name="w")
    terms = [np.negative(w) for _ in range(30_000)]
    while len(terms) > 1:
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + terms[len(terms) // 2 * 2 :]
    run = fg.Graph(fg.sum(terms[0])).fprop()
    np.testing.assert_array_equal(run.bprop()[w], [-30_000.0, -30_000.0])


def test_a_box_with_100_000_children():
    w = fg.Parameter(np.ones(2), name="w")
    loss = fg.L2(*[w] * 100_000)
    np.testing.assert_array_equal(fg.Graph(loss).fprop().bprop()[w], [200_000.0, 200_000.0])


def test_a_deep_chain_is_freed_without_recursion():
    h, _ = chain(100_000)
    del h
