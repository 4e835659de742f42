"""Documents of graphs that are wrong in any way are refused."""

import copy
import random

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import SavedFileError
from flowgraph.saving.graph_file import graph_document, read_graph
from tests.saving.test_graph_file import network


@pytest.fixture
def path(tmp_path):
    return tmp_path / "graph.safetensors"


MALFORMED = {
    "a child after its parent": lambda row: row.update(children=[1]),
    "a child that is text": lambda row: row.update(children=["0"]),
    "no children": lambda row: row.pop("children"),
    "too many children": lambda row: row.update(children=[0, 0]),
    "a setting that is not declared": lambda row: row.update(settings={"slope": 1}),
    "a word that is not known": lambda row: row.update(settings={"slope": {"code": "print()"}}),
    "a name that is no text": lambda row: row.update(name=3),
    "a dtype of objects": lambda row: row.update(outputs=[[{"tuple": [1]}, "O"]]),
    "the class as a list": lambda row: row.update(box=["Tanh"]),
    "an abstract class": lambda row: row.update(box="Leaf"),
}


@pytest.mark.parametrize("how", MALFORMED)
def test_a_table_of_boxes_that_is_wrong(how):
    document, arrays = graph_document(fg.Graph(np.tanh(fg.Parameter([1.0], name="w"))))
    MALFORMED[how](document["boxes"][1])
    with pytest.raises(SavedFileError, match=r"box 1"):
        read_graph(document, arrays)


def test_a_deep_setting_is_refused_not_a_crash():
    document, arrays = graph_document(fg.Graph(np.tanh(fg.Parameter([1.0], name="w"))))
    deep = 0
    for _ in range(100_000):
        deep = {"tuple": [deep]}
    document["boxes"][1]["settings"] = {"slope": deep}
    with pytest.raises(SavedFileError, match=r"box 1: maximum recursion depth"):
        read_graph(document, arrays)
    del document, arrays
    while isinstance(deep, dict):
        deep = deep.pop("tuple").pop()


STRANGE = [
    None, True, -1, 3, 10**30, 1.5, "x", "?0", "Tanh", [], {}, "\ud800", {"tuple": [1]}, {"size": [[1, "?0"]]},
    {"size": [[1, ""]]}, {"slice": [0, 1, 0]}, {"slice": [None, None, 10**30]}, {"range": [0, 1, 0]}, {"float": "x"},
    {"dtype": "O"}, {"type": "object"}, {"box": 0}, {"array": "w"}, {"dict": [[[], 1]]}, {"complex": ["a", 1]},
]  # fmt: skip


def places(document, path=()):
    """Every place of a document, as the keys that lead to it."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def test_whatever_stands_in_the_document_it_is_read_or_refused():
    document, arrays = graph_document(network())
    rng = random.Random(0)
    refused = 0
    for _ in range(400):
        changed = copy.deepcopy(document)
        *path, last = rng.choice(list(places(document)))
        inner = changed
        for key in path:
            inner = inner[key]
        if rng.random() < 0.2:
            del inner[last]
        else:
            inner[last] = rng.choice(STRANGE)
        try:
            read_graph(changed, arrays)
        except SavedFileError:
            refused += 1
    assert refused > 300
