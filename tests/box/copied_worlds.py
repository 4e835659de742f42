"""Small worlds of graphs, boxes and models that share parameters, and what a copy of one has to be."""

from __future__ import annotations

import io
import pickle

import numpy as np

import flowgraph as fg
from flowgraph.box import Leaf
from flowgraph.box.random_draws import Keep
from tests.registry import unregistered

UNARY = (np.tanh, np.negative, np.square, fg.sigmoid, fg.softmax, lambda a: a.T, lambda a: a[..., ::-1])
BINARY = (np.add, np.multiply, np.matmul, np.subtract, fg.SquaredError)

with unregistered():

    class Holds(fg.Elementwise):
        """The child times a number; what else it holds has no part in its value."""

        factor: float = 2.0
        beside: object = None

        def fprop(self, a):
            return a * self.factor

        def bprop(self, grad, h, a):
            return (grad * self.factor,)

        def infer(self, a):
            return a


def one(rng, sequence):
    """One of some things, where NumPy would make an array of them."""
    return sequence[rng.integers(len(sequence))]


def next_box(rng, known):
    """A box of 2 by 2 numbers on some of the known ones, most of the time on late ones."""
    kind = rng.integers(8)
    a, b = (known[-1 - int(rng.integers(min(len(known), 6)))] for _ in range(2))
    if kind < 3:
        return one(rng, UNARY)(a)
    if kind < 5:
        return one(rng, BINARY)(a, b)
    if kind == 5:
        halves = np.split(a, 2)
        return np.concatenate(halves[:: one(rng, (1, -1))])
    if kind == 6:
        return fg.add_at(a, one(rng, (0, slice(1, None), (Ellipsis, 0))), 1.0)
    beside = one(rng, (None, b, (b, 3), [b, a], {"box": b}, {1, 2}))
    return Holds(a, factor=float(rng.integers(1, 3)), beside=beside)


def drawn_boxes(rng, number=0):
    """Boxes on an input, a constant, a random leaf and parameters, some of them in scopes."""
    known = [fg.Input("x", shape=(2, 2)), fg.Constant(rng.normal(size=(2, 2)))]
    known.append(fg.Random(Keep(0.5), shape=(2, 2), name="noise"))
    for letter in "vw"[: 1 + rng.integers(2)]:
        with fg.scope(f"net{number}"):
            known.append(fg.Parameter(rng.normal(size=(2, 2)), name=letter))
    for _ in range(rng.integers(3, 14)):
        if rng.integers(3):
            known.append(next_box(rng, known))
        else:
            with fg.scope(one(rng, ("left", "right"))):
                box = next_box(rng, known)
                known.append(box.named("h") if box.children and rng.integers(2) else box)
    return known


def drawn_world(seed):
    """A container of graphs, boxes, a model and parameters, between which parameters and boxes are shared."""
    rng = np.random.default_rng(seed)
    known = drawn_boxes(rng)
    late = [box for box in known[5:] if len(box.outputs) == 1] or known[-1:]
    graphs = [fg.Graph(*[one(rng, late) for _ in range(1 + rng.integers(3))]) for _ in range(2)]
    mlp = fg.MLP([2, 3, 2], hidden="relu", rng=seed, dropout=0.5)
    return {
        "graphs": graphs,
        "boxes": (one(rng, late), known[3], known[-1]),
        "nested": [{"same": graphs[0]}, fg.Graph(mlp(known[-1]), fg.sum(graphs[0].outputs[0]))],
        "mlp": mlp,
        "layer": mlp.layers[int(rng.integers(2))],
    }


def roots(world):
    """The boxes in a world, in an order that is the same in a copy."""
    listed = [box for graph in (*world["graphs"], *(world["nested"][0].values()), world["nested"][1]) for box in graph]
    return [*listed, *world["boxes"], *world["mlp"].parameters, world["layer"].W, world["layer"].b]


def graphs_of(world):
    """All graphs in a world."""
    return [*world["graphs"], world["nested"][0]["same"], world["nested"][1]]


def pickled(thing, protocol=pickle.HIGHEST_PROTOCOL):
    """The copy that pickle makes."""
    return pickle.loads(pickle.dumps(thing, protocol))


def pickled_in_python(thing):
    """The copy by the pickle that is written in Python, which joblib and dill derive theirs from."""
    file = io.BytesIO()
    pickle._Pickler(file, 2).dump(thing)
    return pickle.loads(file.getvalue())


def boxes_in(value):
    """The boxes that stand in a setting."""
    if isinstance(value, fg.Box):
        return [value]
    if isinstance(value, dict):
        return [box for part in value.values() for box in boxes_in(part)]
    return [box for part in value for box in boxes_in(part)] if isinstance(value, tuple | list) else []


def held(box):
    """The children of a box and the boxes that stand in its settings."""
    settings = {} if isinstance(box, Leaf) else box.setting_values()
    return [*box.children, *(inner for value in settings.values() for inner in boxes_in(value))]


def paired(old_roots, new_roots):
    """Each box and its copy, after looking that the one structure is the other: same classes, names, sharing."""
    new_of, old_of = {}, {}
    stack = list(zip(old_roots, new_roots, strict=True))
    while stack:
        old, new = stack.pop()
        if old in new_of:
            assert new_of[old] is new, f"{old!r} has two copies"
            continue
        assert new not in old_of, f"{new!r} is the copy of two boxes"
        new_of[old], old_of[new] = new, old
        assert type(new) is type(old)
        for what in ("name", "scope", "built_at", "outputs", "differentiable_wrt"):
            assert getattr(new, what) == getattr(old, what), what
        assert len(old.outputs) > 1 or (new.shape, new.dtype) == (old.shape, old.dtype)
        stack += zip(held(old), held(new), strict=True)
    return new_of


def leads(boxes, may_change=lambda box: False):
    """Those of the boxes that lead to a parameter, or to a box of that kind, by children or settings."""
    found, grown = {box for box in boxes if isinstance(box, fg.Parameter) or may_change(box)}, True
    while grown:
        more = {box for box in boxes if box not in found and any(inner in found for inner in held(box))}
        grown, found = bool(more), found | more
    return found


def has_a_setting_that_may_change(box):
    """Whether a setting of the box is a list, a dict or a set."""
    return isinstance(vars(box).get("beside"), list | dict | set)
