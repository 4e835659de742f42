"""What is pickled, in whatever order and process, and what cannot be."""

import copy
import io
import pickle
import subprocess
import sys
import tempfile

import joblib
import numpy as np
import pytest

import flowgraph as fg
from tests.box.copied_worlds import (
    Holds,
    paired,
    pickled,
    pickled_in_python,
)
from tests.box.test_copies import by_code, cloudpickle, every_copy
from tests.registry import unregistered

CHAIN = 1_500


def chain(length):
    w = fg.Parameter(1.0, name="w")
    h = w
    for _ in range(length):
        h = h + w
    return h


@every_copy
def test_copies_do_not_recurse(copied):
    assert sys.getrecursionlimit() < CHAIN
    h = chain(CHAIN)
    twin = copied(h)
    twin_of_graph = copied([fg.Graph(h), fg.compile(h), fg.Problem(h)])
    for graph in (fg.Graph(twin), *twin_of_graph[::2], twin_of_graph[1]._forward):
        graph = getattr(graph, "graph", graph)
        assert len(graph) == CHAIN + 1
        assert float(graph.fprop().outputs[0]) == CHAIN + 1


def test_the_boxes_of_a_chain_are_pickled_once_each_in_any_order():
    boxes = list(fg.Graph(chain(1_000)))
    rng = np.random.default_rng(0)
    orders = {"up": boxes, "down": boxes[::-1], "mixed": [boxes[i] for i in rng.permutation(len(boxes))]}
    sizes = {name: len(pickle.dumps(order)) for name, order in orders.items()} | {"top": len(pickle.dumps(boxes[-1]))}
    assert max(sizes.values()) < 150 * len(boxes), f"bytes: {sizes}"
    for order in orders.values():
        paired(order, pickled(order))


def test_a_pickle_that_failed_leaves_nothing_behind():
    deep = chain(CHAIN)
    with tempfile.TemporaryFile() as file:
        top = np.tanh(np.tanh(Holds(deep, beside=file)))
        for dump in (pickle.dumps, pickled_in_python):
            try:
                dump(top)
            except fg.FlowgraphError:
                assert len(pickle.loads(pickle.dumps(deep)).children) == 2
            else:
                pytest.fail("a file was pickled")
    assert float(fg.Graph(pickled(deep)).fprop()) == CHAIN + 1


def test_two_picklers_that_live_at_the_same_time():
    h = chain(CHAIN)
    file = io.BytesIO()
    pickler = pickle.Pickler(file)
    pickler.dump(h)
    assert float(fg.Graph(pickled(h)).fprop()) == CHAIN + 1
    pickler.dump([h, np.tanh(h)])
    file.seek(0)
    unpickler = pickle.Unpickler(file)
    first, (second, above) = unpickler.load(), unpickler.load()
    assert first is second is above.children[0]


def local_class():
    class Local(fg.Elementwise):
        def fprop(self, a):
            return a * 1

    return Local


def local_rule():
    class Local(fg.SGD):
        pass

    return Local()


def unpicklable():
    """What pickle cannot write down, with what the error says of it."""
    w = fg.Parameter([1.0, 2.0], name="w")
    noise = fg.Random(lambda generator, shape: generator.normal(size=shape), shape=(2,), name="noise")
    data = np.ones((4, 2)), np.zeros(4, int)
    beside = r"found <.* as beside, which cannot be pickled"
    return {
        "a lambda as draw": (fg.compile(w * noise), "Random 'noise': found <function .*lambda.*> as draw.*cloudpickle"),
        "a lambda as setting": (Holds(w, beside=lambda: 0), f"(?s)Holds.*{beside}.*lambda.*built at test_pickling.py"),
        "an open file": (Holds(w, beside=sys.__stdout__), f"(?s)Holds.*{beside}.*TextIOWrapper.*__reduce__.*built at"),
        "a local box": (local_class()(w), "Local.*found.*as class.*'local_class.<locals>.Local' is not found by this"),
        "a lambda as activation": (
            fg.MLP([2, 3, 2], hidden=lambda a: a),
            "MLP: found .*lambda.* as activations",
        ),
        "a local rule": (fg.Trainer(fg.MLP([2, 2]), data, rule=local_rule()), "Trainer: found .* as rule, which"),
    }


UNPICKLABLE = (
    "a lambda as draw", "a lambda as setting", "an open file", "a local box", "a lambda as activation", "a local rule",
)  # fmt: skip


@pytest.mark.parametrize("what", UNPICKLABLE)
def test_what_cannot_be_pickled_is_named(what):
    with unregistered():
        thing, message = unpicklable()[what]
    for dump in (pickle.dumps, pickled_in_python, lambda thing: joblib.dump(thing, io.BytesIO())):
        with pytest.raises(fg.FlowgraphError, match=message):
            dump([thing])
    if what == "an open file":
        with pytest.raises(
            fg.FlowgraphError, match=r"(?s)Holds.*as beside.*no copy.*TextIOWrapper.*__deepcopy__.*buil"
        ):
            copy.deepcopy(thing)
    else:
        copy.deepcopy(thing)
        assert copy.copy(thing) is not None


def test_the_innermost_that_cannot_be_copied_is_named():
    w = fg.Parameter([1.0, 2.0], name="w")
    net = fg.MLP([2, 2], output=lambda a: a)
    with pytest.raises(fg.FlowgraphError, match=r"^MLP: found <function .* as output, which cannot be pickled"):
        pickle.dumps(Holds(w, beside=net))
    assert copy.deepcopy(Holds(w, beside=net)).beside.layers[0].W is not net.layers[0].W
    inner = Holds(w, beside=sys.__stdout__, name="inner")
    with pytest.raises(fg.FlowgraphError, match=r"^Holds 'inner': found a TextIOWrapper as beside, of which there"):
        copy.deepcopy(Holds(w, beside=[inner]))


@by_code
@pytest.mark.parametrize("what", UNPICKLABLE)
def test_cloudpickle_takes_what_has_no_name(what):
    with unregistered():
        thing, _ = unpicklable()[what]
        if what != "an open file":
            assert type(pickle.loads(cloudpickle.dumps(thing))).__name__ == type(thing).__name__


@pytest.mark.sampled(one_in=8)
def test_models_and_plans_go_to_spawned_processes():
    ran = subprocess.run(
        [sys.executable, "-m", "tests.box.spawned"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode, ran.stdout.split()) == (0, ["same"] * 4), ran.stderr
