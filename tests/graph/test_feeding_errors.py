"""What is fed to a graph, and asked of a run, is checked against what it has; names of inputs collide with nothing."""

import keyword

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import DtypeError, FeedError, ShapeError
from tests.test_errors import refused


def test_feeding():
    x = fg.Input("x", shape=("N", 3))
    y = fg.Input("labels", shape=("N",), dtype=int)
    graph = fg.Graph(x * 2.0, y + 1)
    good = np.ones((2, 3))
    for feeds, named, error, texts in [
        (None, {"x": good}, fg.FlowgraphError, ("needs labels (N,) int64", "found x", "labels=...")),
        (None, {}, fg.FlowgraphError, ("found nothing", "x=...")),
        (None, {"x": good, "label": [1, 2]}, LookupError, ("'label'", "near it: labels")),
        (None, {"x": good, "labels": [1.0, 2.0]}, TypeError, ("labels: found dtype float64, needs int64",)),
        (None, {"x": [[1.0], [1.0, 2.0]], "labels": [1]}, ValueError, ("x: found what is no array",)),
        (None, {"x": good[0], "labels": [1]}, ValueError, ("x: found the shape (3,), needs (N, 3)",)),
        (None, {"x": np.ones((2, 4)), "labels": [1, 2]}, ValueError, ("x: found the shape (2, 4), needs (N, 3)",)),
        (None, {"x": good, "labels": [1]}, ValueError, ("labels: found the shape (1,)", "N = 2 in 'x'")),
        ({3: good}, {}, LookupError, ("found 3, needs a box of the graph or its name",)),
        ({fg.Input("z"): 1.0}, {"x": good}, LookupError, ("Input 'z': is not in this graph",)),
        ({graph.outputs[0]: good}, {}, fg.FlowgraphError, ("is a Multiply", "only inputs")),
        (None, {"x": np.array([["a"] * 3]), "labels": [1]}, TypeError, ("x: found an array of dtype <U1",)),
    ]:  # fmt: skip
        with refused(error, *texts):
            graph.fprop(feeds, **named)


def test_bprop_arguments():
    x = fg.Input("x", shape=("N", 3))
    w = fg.Parameter(np.ones(3), name="w")
    run = fg.Graph(x * w).fprop(x=np.ones((2, 3)))
    out = "the output '×' has the shape (2, 3)"
    for arguments, texts in [
        ({}, (out, "fg.sum or fg.mean, or give grad=")),
        ({"grad": np.ones(3)}, ("grad= of '×' has the shape (3,), needs (2, 3)",)),
        ({"grad": np.full((2, 3), "a")}, ("grad= of '×' has dtype <U1, needs float64",)),
        ({"grad": np.ones((2, 3)), "keep": "some"}, ("keep='wrt' or 'all'",)),
        ({"grad": np.ones((2, 3)), "wrt": ["v"]}, ("no box of the graph is called 'v'",)),
    ]:  # fmt: skip
        with refused(fg.FlowgraphError, *texts):
            run.bprop(**arguments)
    with refused(fg.FlowgraphError, "no parameters", "wrt=[box, ...]"):
        fg.Graph(x * 2.0).fprop(x=np.ones((2, 3))).bprop(grad=np.ones((2, 3)))
    two = fg.Graph(x * w, w * 2.0).fprop(x=np.ones((2, 3)))
    with refused(fg.FlowgraphError, "found 1 gradients in grad=, needs one per output (2)"):
        two.bprop(grad=[np.ones(3)])
    with refused(fg.FlowgraphError, "w: this bprop did not keep its gradient", "keep='all'"):
        run.bprop(grad=np.ones((2, 3)), wrt=[x])["w"]
    with refused(fg.FlowgraphError, "dtype bool", "only real values"):
        fg.Graph(w > 0).fprop().bprop(grad=np.ones(3))


def test_a_parameter_fed_with_another_shape():
    w = fg.Parameter(np.ones(3), name="w")
    with refused(ValueError, "w: found the shape (2,), needs (3,)"):
        fg.Graph(w * 2.0).fprop(w=np.ones(2))
    with refused(ValueError, "w: found the shape (), needs (3,)"):
        fg.Graph(w * 2.0).fprop(w=1.0)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
def test_whole_numbers_that_do_not_fit_are_refused_and_never_reduced(dtype):
    """A conversion of whole numbers by NumPy is modulo the size of the dtype: labels would become other labels."""
    i = fg.Input("i", shape=(2,), dtype=dtype)
    graph, plan, bounds = fg.Graph(i * 1), fg.compile(i * 1), np.iinfo(dtype)
    for good in ([bounds.min, bounds.max], [0, 1]):
        wide = np.array(good, np.uint64 if min(good) >= 0 else np.int64)
        if np.can_cast(wide.dtype, dtype, "same_kind"):
            assert graph.fprop(i=wide).outputs[0].tolist() == plan(i=wide).tolist() == good
    for bad in (bounds.max + 1, bounds.min - 1, 2**70):
        for run in (graph.fprop, plan):
            with pytest.raises(DtypeError, match="i: found"):
                run(i=[0, bad])


def test_an_input_is_given_once():
    x = fg.Input("x", shape=(2,))
    for run in (fg.Graph(x * 1).fprop, fg.compile(x * 1)):
        for key in (x, "x"):
            with pytest.raises(FeedError, match="'x'"):
                run({key: [1.0, 2.0]}, x=[3.0, 4.0])


NAMES = (
    "type", "len", "seed", "prepare", "keep", "self", "feeds", "named", "ﬁ", "float", "np", "call", "run", "_plan",
    "_given", "x-1", "0", "W.T", "'", *keyword.softkwlist[:2], *keyword.kwlist[:3],
)  # fmt: skip
named = pytest.mark.parametrize("name", NAMES)


def product(name):
    x = fg.Input(name, shape=("N", 2))
    w = fg.Parameter([2.0, -1.0], name="weights")
    return x, w, fg.mean(x @ w)


@named
def test_a_graph_and_a_plan_take_it_by_name_in_a_dict_and_by_box(name):
    x, _, mean = product(name)
    array = np.array([[1.0, 4.0], [3.0, 0.0]])
    plan = fg.compile(mean)
    for call in (fg.Graph(mean).fprop, plan):
        for feeds in ({name: array}, {x: array}):
            found = call(feeds)
            assert np.asarray(found[mean] if isinstance(found, fg.Run) else found) == 2.0
    assert fg.Graph(mean).fprop(**{name: array})[mean] == 2.0
    assert plan(**{name: array}) == plan(array) == 2.0
    plan.prepare(**{name: np.ones((3, 2))})
    assert plan.prepare({name: np.ones((3, 2))})(np.ones((3, 2))) == 1.0


@named
def test_a_training_and_a_file_take_it(name, tmp_path):
    _, w, mean = product(name)
    fg.fit((mean - 1.0) ** 2, {name: np.eye(2)}, epochs=1)
    loaded = fg.load(fg.save(tmp_path / "graph.safetensors", fg.Graph(mean)))
    assert loaded.inputs[0].name == name
    assert loaded.fprop({name: np.ones((1, 2))})[loaded.outputs[0]] == pytest.approx(np.sum(w.value))


def test_two_names_that_python_reads_as_one_stay_two():
    a, b = fg.Input("ﬁ", shape=()), fg.Input("fi", shape=())
    difference, feeds = a - b, {"ﬁ": 5.0, "fi": 3.0}
    plan, graph = fg.compile(difference), fg.Graph(difference)
    assert plan(feeds) == plan(**feeds) == plan(5.0, 3.0) == graph.fprop(**feeds)[difference] == 2.0


def test_a_keyword_of_the_call_stays_one_where_its_input_is_in_the_dict():
    seed, keep = fg.Input("seed", shape=()), fg.Input("keep", shape=())
    noisy = seed * fg.Random(lambda generator, shape: generator.normal(size=shape), shape=(3,)) + keep
    graph, plan = fg.Graph(noisy), fg.compile(noisy)
    feeds = {"seed": 2.0, "keep": 1.0}
    needed = graph.fprop(feeds, seed=7)[noisy]
    np.testing.assert_array_equal(graph.fprop(feeds, seed=7, keep="outputs")[noisy], needed)
    np.testing.assert_array_equal(plan(feeds, seed=7), needed)
    assert not np.array_equal(graph.fprop(feeds, seed=8)[noisy], needed)


@pytest.mark.parametrize("others", ["none", "dict", "keyword"])
@pytest.mark.parametrize("by", ["keyword", "name", "box"])
def test_an_input_of_the_name_of_a_keyword_is_fed_in_every_way(others, by):
    """Whether the other inputs come in the dict, as keywords, or there are none."""
    for name in ("seed", "keep"):
        x, own = fg.Input("x", shape=()), fg.Input(name, shape=())
        total = own * 2.0 if others == "none" else own * 2.0 + x
        feeds, named = {"none": ({}, {}), "dict": ({x: 5.0}, {}), "keyword": ({}, {"x": 5.0})}[others]
        feeds |= {"keyword": {}, "name": {name: 3.0}, "box": {own: 3.0}}[by]
        named |= {name: 3.0} if by == "keyword" else {}
        needed = 6.0 if others == "none" else 11.0
        assert fg.Graph(total).fprop(feeds, **named)[total] == needed
        assert fg.Graph(total).fprop(feeds or None, **named)[total] == needed


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_size_that_others_decide_is_compared_with_them(order):
    """Whichever input is read first, and with other names or none."""
    n, m = fg.Input("a", shape=("N",)).shape[0], fg.Input("c", shape=("M",)).shape[0]
    for product in (2 * n, n * m):
        sizes = {"a": n, "c": m, "b": product} if product == n * m else {"a": n, "b": product}
        leaves = {name: fg.Input(name, shape=(sizes[name],)) for name in sorted(sizes, key=(*order, "c").index)}
        graph = fg.Graph(*leaves.values())
        right = {"a": np.ones(3), "b": np.ones(6)} | ({"c": np.ones(2)} if "c" in sizes else {})
        graph.fprop(right)
        with refused(ShapeError, "found the shape (", "needs ("):
            graph.fprop(right | {"b": np.ones(7)})
