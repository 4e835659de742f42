"""Files whose loops have a body that no program could have built are refused when they are loaded."""

import copy
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import SavedFileError, StepLimitError
from flowgraph.saving.graph_file import graph_document, read_graph

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


DOCUMENTS = [graph_document(graph) for graph in loops()]


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
