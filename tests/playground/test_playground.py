"""The page computes what NumPy computes, and works in a browser; a graph that it cannot show is refused."""

import re
from html import unescape
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.data import Examples
from flowgraph.errors import DataError, UsageError
from flowgraph.playground import page as page_module
from flowgraph.playground import playground
from flowgraph.playground.page import _examples
from tests.browser import answered, in_a_browser


def told(page, script, address=""):
    """What a script says at the end of the page; an error of the page fails."""
    return answered(page.read_text("utf-8"), script, (1400, 900), address)


def own_graph():
    x, y = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N",), dtype=int)
    hidden = fg.MLP([2, 3, 2], hidden="tanh", output="linear", rng=0)
    return fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(hidden(x), y)))


def test_page_needs_no_network_and_is_small(tmp_path):
    page = playground(tmp_path / "a.html")
    text = page.read_text("utf-8")
    assert len(text.encode()) < 1_000_000
    assert not re.search(r"(src|href)\s*=|https?://(?!www\.w3\.org)|\bfetch\(|import\(", text)


@in_a_browser
@pytest.mark.parametrize("address", ["", "#depth=0", '#depth=4&activation="sigmoid"', '#activation="relu"&data="none"',
                                     "#junk&rate=-1&units=[99]&depth=7&__proto__=1"])  # fmt: skip
def test_every_part_of_the_page_works(address, tmp_path):
    """Lessons, views, the walk and its step, points that are added: no error, no canvas wider than the page."""
    script = """
        const said = { wide: document.documentElement.scrollWidth, settings: { ...settings } };
        for (const view of ["gradients", "values"]) setView(view);
        for (const name of Object.keys(LESSONS)) { lesson(name); play(false); }
        for (let i = 0; i < 30; i++) learner.update();
        setView("gradients");
        addPoint([0.5, 0.5], 1); addPoint([-0.5, -0.5], 0);
        openWalk();
        const before = state.walk.seen.loss.data[0], after = state.walk.after();
        while (state.walk.place < state.walk.steps.length - 1) goWalk(1);
        takeStep();
        const taken = state.walk.seen.loss.data[0];
        closeWalk();
        said.formulas = Object.values(GIVEN.formulas).every((text) => text.startsWith("<math"));
        said.same = Math.abs(taken - after) < 1e-12;
        said.words = document.querySelectorAll("#words li").length;
        return said;
    """
    said = told(playground(tmp_path / "a.html"), script, address)
    assert said["wide"] <= 1400
    assert said["same"]
    assert said["formulas"]
    assert said["settings"]["rate"] == 0.03


@in_a_browser
def test_a_graph_of_ones_own_with_ones_own_points(tmp_path):
    graph = own_graph()
    rng = np.random.default_rng(0)
    points, kinds = rng.normal(size=(60, 2)) * 5 + 3, np.where(np.arange(60) % 2, "up", "down")
    page = graph.playground(tmp_path / "own.html", (points, kinds))
    script = """
        const values = learner.parameters.map((one) => Array.from(one.data));
        return [values, learner.train.count + learner.held.count, learner.look(learner.minibatch()).loss.data[0]];
    """
    values, count, loss = told(page, script)
    assert count == 60
    assert np.isfinite(loss)
    for one, found in zip(graph.parameters, values, strict=True):
        np.testing.assert_array_equal(one.value.ravel(), found)


def test_what_cannot_be_shown_is_refused(tmp_path):
    x = fg.Input("x", shape=("N", 3))
    y = fg.Input("y", shape=("N",), dtype=int)
    w = fg.Parameter(np.zeros((3, 2)), name="w")
    with pytest.raises(UsageError, match=r"found the inputs x \(N, 3\), y \(N,\), needs one of shape \(N, 2\)"):
        fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(x @ w, y))).playground(tmp_path / "a.html")
    z = fg.Input("z", shape=("N", 2))
    six = fg.Parameter(np.zeros((2, 6)), name="six")
    with pytest.raises(UsageError, match=r"found scores of shape .N, 6., needs those of 5 classes at most"):
        fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(z @ six, y))).playground(tmp_path / "a.html")
    numbers = fg.Input("numbers", shape=("N", 6))
    with pytest.raises(UsageError, match=r"found scores of shape .N, 6., needs one number for each example"):
        fg.Graph(fg.mean(fg.SquaredError(z @ six, numbers))).playground(tmp_path / "a.html")
    with pytest.raises(UsageError, match="found no loss of examples in the graph, needs one of SoftmaxCrossEntropy"):
        fg.Graph(fg.mean(z @ w[:2])).playground(tmp_path / "a.html")
    with pytest.raises(UsageError, match=r"needs a name that ends in \.html"):
        playground(tmp_path / "a.svg")
    wide = fg.MLP([2, 40, 2], output="linear", rng=0)
    with pytest.raises(UsageError, match=r"found 40 units .* needs 16 at most"):
        fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(wide(z), y))).playground(tmp_path / "a.html")
    with pytest.raises(DataError, match=r"x of shape \(4, 3\) and y of shape \(4,\), needs \(N, 2\) and \(N,\)"):
        playground(tmp_path / "a.html", data=(np.zeros((4, 3)), [0, 1, 1, 1]))
    with pytest.raises(DataError, match=r"found 6 classes, needs 2 to 5; examples without classes are numbers"):
        playground(tmp_path / "a.html", data=(np.zeros((6, 2)), np.arange(6)))
    with pytest.raises(DataError, match=r"found 3 classes, needs 2 to 2"):
        own_graph().playground(tmp_path / "a.html", (np.zeros((6, 2)), np.arange(6) % 3))
    with pytest.raises(DataError, match=r"found the classes \[0, 2\], needs numbers from 0 to 1"):
        own_graph().playground(tmp_path / "a.html", (np.zeros((6, 2)), np.arange(6) % 2 * 2))
    with pytest.raises(DataError, match="found values that are not finite"):
        playground(tmp_path / "a.html", data=(np.full((4, 2), np.nan), [0, 1, 0, 1]))
    assert not list(tmp_path.iterdir())


def test_a_slope_that_is_a_sum_stands_in_brackets():
    """∇a = ∇h ⊙ (1 − h²): without them it would be read as (∇h ⊙ 1) − h²."""
    formulas = {name: text for name, text in page_module._formulas().items() if name.startswith("da of")}
    sums = 0
    for name, text in formulas.items():
        words = unescape(re.sub(r"<[^>]*>", "", text)).partition("⊙")[2]
        depth = [0, *accumulate({"(": 1, ")": -1}.get(letter, 0) for letter in words)]
        apart = [letter for letter, inside in zip(words, depth, strict=False) if letter in "+−-" and not inside]
        assert not apart, (name, words)
        sums += any(letter in "+−-" for letter in words)
    assert sums >= 2


@in_a_browser
def test_what_colours_mean_stands_below_in_each_view(tmp_path):
    script = """
        const said = () => [...document.querySelectorAll(".legend .ramp")].filter((one) => one.offsetWidth).length;
        const found = [];
        for (const view of ["values", "gradients", "values"]) { setView(view); found.push(said()); }
        return [found, document.documentElement.scrollWidth - innerWidth];
    """
    for size in ((390, 844), (1400, 900)):
        found, beyond = answered(playground(tmp_path / "a.html").read_text("utf-8"), script, size)
        assert found == [1, 2, 1]
        assert beyond <= 0


@given(
    st.lists(st.integers(-3, 9), min_size=2, max_size=12) | st.lists(st.sampled_from("abc"), min_size=2, max_size=12),
    st.sampled_from([None, 3, 5]),
    st.sampled_from([(), ("setosa", "versicolor", "virginica")]),
)
def test_a_class_on_the_page_is_that_of_the_data(labels, outputs, names):
    """Its name is the label as it was given, and of a graph a number is that of the output that it asks for."""
    x, y = np.arange(2.0 * len(labels)).reshape(-1, 2), np.array(labels)
    if names and (y.dtype.kind != "i" or y.min() < 0 or y.max() > 2):
        names = ()
    try:
        made = _examples(Examples(x, y, classes=names) if names else (x, y), outputs)
    except DataError:
        assert len(set(labels)) not in range(2, (outputs or 5) + 1) or (outputs and y.dtype.kind == "i")
        return
    shown = [made["classes"][place] for place in made["y"]]
    assert shown == [names[label] if names else str(label) for label in labels]
    assert not outputs or y.dtype.kind != "i" or made["y"] == labels
    assert len(made["classes"]) <= (outputs or 5)
