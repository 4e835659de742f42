"""A name that a user gives to an input collides with nothing: in a graph, a plan, a training and a file."""

import keyword

import numpy as np
import pytest

import flowgraph as fg

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
