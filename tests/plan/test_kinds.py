"""Kinds of values, however they are asked for; what compiling a plan infers and keeps."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box import Box
from flowgraph.plan.kinds import Kinds
from flowgraph.plan.rebuild import owner_of

LENGTHS = (8, 32)


def recurrent(steps):
    """The loss and the updates of a small recurrent network, and what to feed."""
    x = fg.Input("x", shape=("N", steps, 3))
    w, u = (fg.Parameter(np.full((3, 3), value), name=name) for name, value in (("w", 0.1), ("u", 0.2)))
    h = np.tanh(x[:, 0] @ w)
    for t in range(1, steps):
        h = np.tanh(x[:, t] @ w + h @ u)
    loss = fg.mean(h * h)
    grads = fg.gradient(loss, [w, u])
    return loss, {p: p - 0.1 * grad for p, grad in zip((w, u), grads, strict=True)}, {"x": np.ones((4, steps, 3))}


@pytest.mark.parametrize("copied", [False, True])
def test_kinds_are_the_same_in_whatever_order_they_are_asked_for(copied):
    loss, updates, feeds = recurrent(8)
    step = fg.compile([loss], updates=updates)
    step(**feeds)
    boxes = step.graph.boxes
    forward, backward = Kinds(copied_constants=copied), Kinds(copied_constants=copied)
    asked = {box: forward[box] for box in boxes}
    assert {box: backward[box] for box in reversed(boxes)} == asked
    assert set(asked.values()) >= {"given", "fixed", "fill", "view"}


def test_a_long_chain_of_views_is_no_recursion():
    h = fg.Input("h", shape=(2, 3))
    for _ in range(3000):
        h = h.T
    assert Kinds()[h] == "view"


def test_boxes_are_inferred_few_times_however_long_the_sequence(monkeypatch):
    """Each pass builds most boxes anew; what is known of them is not found out again."""
    counted = []
    infer = Box._infer
    monkeypatch.setattr(Box, "_infer", lambda self: (counted.append(self), infer(self))[1])
    shares = []
    for steps in LENGTHS:
        loss, updates, feeds = recurrent(steps)
        plan = fg.compile([loss], updates=updates)
        counted.clear()
        plan.prepare(**feeds)
        shares.append(len(counted) / len(plan.graph.boxes))
    assert max(shares) < 1.8, "a box is inferred when sizes become numbers, and where a pass makes it"
    assert shares[1] < 1.2 * shares[0]


def test_a_plan_keeps_no_box_of_a_pass_between():
    """What its boxes were built for are boxes of the user, which stand for themselves."""
    loss, updates, feeds = recurrent(3)
    plan = fg.compile([loss], updates=updates).prepare(**feeds)
    users = set(fg.Graph(loss, *updates.values()).boxes)
    owners = {owner_of(box) for box in plan.graph.boxes if owner_of(box) is not box}
    assert owners
    assert owners <= users
