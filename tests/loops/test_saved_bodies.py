"""Loops that are saved, copied, pickled and checked; files whose body no program could have built are refused."""

import copy
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import SavedFileError, StepLimitError
from flowgraph.loops.boxes import Scan, While
from flowgraph.loops.checkpoint import Recomputed
from flowgraph.saving.graph_file import graph_document, read_graph
from tests.loops.bodies import assert_close

LEAVES = ("Input", "Parameter", "Constant", "Random", "CarryInput", "ElementInput", "OuterInput")
CLASSES = (*LEAVES, "Tanh", "Add", "Subtract", "Where", "Sum", "Less", "Body", "Scan", "Part", "Transpose", "Cast")
SHAPES = ([], [2], [3], [2, 2], [{"size": [[1, "N"]]}], [{"size": [[1, "M"]]}], [{"size": [[1, "?9"]]}])
DTYPES = ("<f8", "<f4", "|b1", "<i8", "<c16")


def loops():
    """Graphs that hold a scan, a scan in segments, a while loop, a checkpoint, one in the other, and gradients."""
    x, p = fg.Input("x", shape=("N", 2)), fg.Parameter([0.5, 0.25], name="p")
    fixed = fg.Input("fixed", shape=(6, 2))

    def step(carry, row):
        return np.tanh(carry * p + row), fg.sum(carry)

    scanned = fg.scan(step, np.zeros(2), x)
    segments = fg.scan(step, np.zeros(2), fixed, checkpoint=2)
    halved = fg.while_loop(lambda c: np.max(np.abs(c)) > 1, lambda c: c * p, fg.sum(x, axis=0))
    again = fg.checkpoint(lambda h: np.tanh(h @ np.ones((2, 2))) * p)(x)
    pair = fg.scan(lambda c, row: ((c[1] * p, c[0] + row), None), (np.zeros(2), np.ones(2)), x)[0]
    counted = fg.while_loop(lambda c: c[1] < 3, lambda c: (c[0] * p, c[1] + 1), (np.ones(2), 0))[:1]
    nested = fg.scan(lambda c, row: (fg.scan(step, c, fixed)[0] + row, None), np.zeros(2), x)[0]
    for outputs in (scanned, segments, pair, counted, [halved], [again], [nested]):
        yield fg.Graph(*outputs)
        yield fg.Graph(*fg.gradient(fg.sum(outputs[0]), [p]))


GRAPHS = [*loops()]
DOCUMENTS = [graph_document(graph) for graph in GRAPHS]


@pytest.mark.parametrize("graph", GRAPHS)
def test_saving_copying_and_pickling_keep_the_bodies_and_all_settings(graph, tmp_path):
    fg.compile(list(graph.outputs))  # which writes into no box of the graph
    fed = {box: np.ones([3 if isinstance(n, str) else n for n in box.shape]) for box in graph.inputs}
    needed, (document, _) = graph.fprop(fed).outputs, graph_document(graph)
    files = [fg.save(tmp_path / name, graph) for name in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()
    for again in (fg.load(files[0]), pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph)):
        assert graph_document(again)[0] == document
        assert not set(again.parameters) & set(graph.parameters)
        assert_close(again.fprop({box.name: value for box, value in fed.items()}).outputs, needed)


CHECKED = {
    Scan: lambda x: fg.scan(lambda c, e: (np.sin(c) * e, c), 0.5, x)[0],
    While: lambda x: fg.while_loop(lambda c: fg.sum(c * c) > 0.3, lambda c: np.sin(c) * 0.6, x),
    Recomputed: lambda x: fg.sum(fg.checkpoint(lambda x: np.sin(x) * x)(x)),
}


@pytest.mark.parametrize("cls", CHECKED)
def test_the_checker_passes_a_loop_and_its_box_and_fails_a_wrong_reverse(cls, monkeypatch):
    graph, fed = fg.Graph(CHECKED[cls](fg.Input("x", shape=(3,)))), {"x": np.array([0.5, 1.0, -0.5])}
    (box,) = [one for one in graph if isinstance(one, cls)]
    for report in (fg.check(graph, fed), fg.check(box)):
        assert report.passed, str(report)
    right = cls.bprop
    monkeypatch.setattr(cls, "bprop", lambda self, *a, **k: tuple(-2.0 * part for part in right(self, *a, **k)))
    assert not fg.check(graph, fed).passed


def of_bodies(document):
    """The places of the rows that stand in the body of a loop, and of the bodies."""
    rows = document["boxes"]
    found, waiting = set(), [place for place, row in enumerate(rows) if row["box"] == "Body"]
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += rows[place].get("children", [])
    return sorted(found)


@st.composite
def changed(draw):
    """A document with one to three changes of what a loop's body is made of."""
    document, arrays = draw(st.sampled_from(DOCUMENTS))
    document = copy.deepcopy(document)
    arrays = {**arrays, "more": np.ones(2)}
    places = of_bodies(document)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places))
        row = document["boxes"][place]
        if draw(st.booleans()):
            row["box"] = draw(st.sampled_from(CLASSES))
            row.setdefault("outputs", [[{"tuple": draw(st.sampled_from(SHAPES))}, draw(st.sampled_from(DTYPES))]])
            row |= {"array": "more", "dtype": "<f8", "draw": {"class": "Keep", "settings": {"dict": [["rate", 0.5]]}}}
        elif draw(st.booleans()) and "outputs" in row:
            row["outputs"] = [[{"tuple": draw(st.sampled_from(SHAPES))}, draw(st.sampled_from(DTYPES))]]
        elif row.get("children"):
            children = row["children"]
            which = draw(st.integers(0, len(children) - 1))
            how = draw(st.sampled_from(("another", "drop", "twice", "swap")))
            if how == "another":
                children[which] = draw(st.integers(0, place - 1))
            elif how == "drop":
                del children[which]
            elif how == "twice":
                children.insert(which, children[which])
            else:
                children[0], children[which] = children[which], children[0]
        for key in ("slots", "carries", "elements", "after"):
            if key in row.get("settings", {}) and draw(st.booleans()):
                row["settings"][key] += draw(st.integers(-2, 2))
    return document, arrays


@pytest.mark.parametrize("cls", ["Input", "Parameter", "Random"])
def test_a_leaf_in_the_body_of_a_loop_that_is_no_slot_is_named(cls):
    x = fg.Input("x", shape=("N",))
    document, arrays = graph_document(fg.Graph(fg.scan(lambda c, row: (c + row * 2.0, None), 0.0, x)[0]))
    (place,) = [place for place, row in enumerate(document["boxes"]) if row["box"] == "Constant" and place > 1]
    draw = {"class": "Keep", "settings": {"dict": [["rate", 0.5]]}}
    document["boxes"][place] |= {"box": cls, "name": "stray", "outputs": [[{"tuple": []}, "<f8"]], "draw": draw}
    with pytest.raises(SavedFileError, match=f"found {cls} 'stray' in the body of a loop, needs slots and constants"):
        read_graph(document, arrays)


@pytest.mark.parametrize("length", [-1, -100, 1.5, "3", None])
def test_a_file_of_a_loop_of_no_number_of_steps_is_refused(length):
    first = fg.Parameter(np.ones(2), name="first")
    document, arrays = graph_document(fg.Graph(fg.scan(lambda c, _: (c * 2.0, None), first, length=3)[0]))
    (row,) = [row for row in document["boxes"] if row["box"] == "Scan"]
    assert row["settings"]["length"] == 3
    row["settings"]["length"] = length
    with pytest.raises(SavedFileError, match="length"):
        read_graph(document, arrays)


@given(changed())
def test_a_loop_whose_body_was_changed_in_its_file_runs_or_is_refused_when_it_is_loaded(given_file):
    document, arrays = given_file
    try:
        graph = read_graph(document, arrays)
    except SavedFileError:
        return
    feeds = {box: np.ones([3 if isinstance(n, str) else n for n in box.shape], box.dtype) for box in graph.inputs}
    with np.errstate(all="ignore"):
        try:
            run = graph.fprop(feeds, seed=0)
            sent = {box: np.ones_like(run[box]) for box in graph.outputs if box.dtype.kind in "fc"}
            if sent and graph.parameters:
                run.bprop(sent, unused="zeros")
        except (StepLimitError, fg.ShapeError) as error:  # what values decide: how many steps there are
            if not re.search(r"inputs of \d+ and of \d+ steps|after 100,000 steps", str(error)):
                raise
            return
        fg.compile(graph.outputs, inputs=graph.inputs)(*feeds.values())
