"""A box never changes, and values that a run hands out cannot be written to."""

import ast
import copy
import dataclasses
import pickle
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.derivatives.backward_graph import FALLBACK
from flowgraph.testing.declared import differentiable, outputs_of, seeds
from tests.cases import cases
from tests.saving.test_graph_file import assert_same_graph
from tests.test_contract import BOXES

HOME = Path(fg.__file__).parent
CACHES = {name for cls in fg.Box.__mro__ for name, one in vars(cls).items() if isinstance(one, cached_property)}
"""What a box keeps of what follows from it."""


def state(graph):
    """What stands in each box, by identity, without what it caches."""
    return {
        box: {name: value for name, value in vars(box).items() if name not in CACHES} for box in graph.boxes
    }  # fmt: skip


def assert_unchanged(before, after, what):
    for box, known in before.items():
        now = after[box]
        assert known.keys() == now.keys(), f"{what}: {box.title} has now {known.keys() ^ now.keys()}"
        changed = [name for name in known if known[name] is not now[name]]
        assert not changed, f"{what}: {box.title} has another {changed}"


def backwards(graph, grads):
    leaves = [leaf for leaf in graph.parameters if leaf.dtype.kind in "fc"]
    return fg.gradients(graph.outputs, leaves, grads, fallback=FALLBACK, unused="zeros") if leaves else []


def arrays(value):
    """The arrays of a value, which is a tuple where a box has several outputs."""
    return [one for part in value for one in arrays(part)] if isinstance(value, tuple) else [np.asanyarray(value)]


def assert_read_only(value, what):
    for part in arrays(value):
        if part.ndim:
            assert not part.flags.writeable, what
            with pytest.raises(ValueError, match="read-only"):
                part[...] = 0


def run_of(graph, grads):
    """A run and its sweep, none of whose values can be written to."""
    run = graph.fprop()
    grads = run.bprop(grad=grads, keep="all", unused="zeros") if grads else {}
    for values in (run, grads):
        for box in run.graph if values is run else grads:
            assert_read_only(values[box], box.title)
    assert_read_only(run.outputs, "outputs")


def watched(graph, grads, path):
    """What is done with the graph, by name, in turn; whatever is the same graph again is held against it."""
    yield "fprop and bprop", lambda: run_of(graph, grads)
    yield "the gradient graph", lambda: backwards(graph, grads) if grads else None
    yield "print", lambda: f"{graph}{graph.boxes}"
    yield "DOT", graph.to_dot
    for copied in (copy.copy, copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))):
        yield "copy", lambda copied=copied: assert_same_graph(graph, copied(graph))
    yield "save and load", lambda: assert_same_graph(graph, fg.load(fg.save(path / "graph.safetensors", graph)))
    yield "another name", lambda: [box.named("other") for box in graph.boxes]


@pytest.mark.parametrize("name", BOXES)
@pytest.mark.filterwarnings("ignore")
def test_a_box_of_each_class_stays_as_it_is_and_its_copies_are_alike(name, tmp_path):
    case = cases(BOXES[name])[0]
    fixed = case.box
    assert copy.deepcopy(fixed) is fixed, "no setting of flowgraph's own boxes can change"
    with fg.scope("layer"):
        leaves = [fg.Parameter(a) if i in case.floats else fg.Constant(a) for i, a in enumerate(case.children)]
        outputs = outputs_of(case.cls(*leaves, **case.settings))
    graph = fg.Graph(*outputs)
    value = case.value
    grads = list(seeds(value)) if isinstance(value, tuple) else [seeds(value)]
    grads = grads if differentiable(case) else None
    before = state(graph)
    for what, done in watched(graph, grads, tmp_path):
        try:
            done()
        except fg.FlowgraphError:  # a label that is no integer, say, is not our question here
            assert what in ("the gradient graph", "save and load", "fprop and bprop")
        assert_unchanged(before, state(graph), what)


def test_a_network_that_is_used_in_every_way_stays_as_it_is(tmp_path):
    x, y = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",), dtype=int)
    mlp = fg.MLP([4, 5, 3], hidden="tanh", rng=0)
    loss = fg.mean(fg.SoftmaxCrossEntropy(mlp(x), y)) + 0.1 * fg.L2(*mlp.weights)
    graph = fg.Graph(loss)
    data = {"x": np.random.default_rng(0).normal(size=(6, 4)), "y": np.arange(6) % 3}
    before = state(graph)

    def use():
        run = graph.fprop(**data)
        yield "bprop", run.bprop()
        yield "again", run.update(**{mlp.weights[0].name: mlp.weights[0].value * 2})
        yield "why_zero", run.bprop().why_zero(mlp.weights[0])
        yield "second order", fg.hvp(loss, [mlp.weights[0]], [np.ones((4, 5))])
        yield "Hessian", fg.hessian(loss, [mlp.biases[0]])
        yield "picture", graph.render(tmp_path / "net.svg", engine="builtin")
        yield "values in the picture", graph.render(tmp_path / "run.svg", run=run, engine="builtin")
        yield "derivation", graph.explain(tmp_path / "net.md")
        yield "check", fg.check(graph, **data, budget=200)

    for what, _ in use():
        assert_unchanged(before, state(graph), what)


def is_state(node):
    """Whether an expression is the `__dict__` of something else than self."""
    return isinstance(node, ast.Attribute) and node.attr == "__dict__" and ast.unparse(node.value) != "self"


def written(tree):
    """The lines on which code writes into the `__dict__` of something else than itself, also by another name of it."""
    names = {
        target.id for node in ast.walk(tree) if isinstance(node, ast.Assign) and is_state(node.value)
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip
    for node in ast.walk(tree):
        into = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            into = node.func.value if node.func.attr in ("update", "setdefault", "pop", "clear") else None
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            into = node.value
        if is_state(into) or (isinstance(into, ast.Name) and into.id in names):
            yield node.lineno


def test_no_file_writes_into_a_box_of_another():
    for path in HOME.rglob("*.py"):
        if path.relative_to(HOME).parts[0] not in ("box", "plan"):
            assert not list(written(ast.parse(path.read_text(encoding="utf-8")))), path


def test_what_is_written_is_seen():
    for code in (
        "box.__dict__['a'] = 1", "a.b.__dict__.update(c=1)", "own = box.__dict__\nown['a'] = 1", "del b.__dict__['a']",
    ):  # fmt: skip
        assert len(list(written(ast.parse(code)))) == 1, code
    assert not list(written(ast.parse("self.__dict__['a'] = box.__dict__['a']")))


DECLARED = [fg.example((2,), axis=0), fg.Interval(0, 1), fg.Core("axis")]


@pytest.mark.parametrize("declared", DECLARED, ids=lambda one: type(one).__name__)
def test_what_a_class_declares_stays_as_it_is(declared):
    names = [field.name for field in dataclasses.fields(declared)]
    assert names
    for name in [*names, "another"]:
        with pytest.raises((AttributeError, TypeError)):
            setattr(declared, name, None)
