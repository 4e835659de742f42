"""The code that the gallery shows: run, it builds the box that it stands beside."""

import numpy as np
import pytest
import scipy.special

import flowgraph as fg
from flowgraph.rendering.gallery import box_graph, code_of, topics

DRAWN = [pytest.param(cls, id=name) for topic in topics() for name, cls in topic.boxes]


def same(one, other):
    return one is other or np.array_equal(one, other) or repr(one) == repr(other)


@pytest.mark.parametrize("cls", DRAWN)
def test_every_line_builds_the_box(cls):
    box = box_graph(cls).outputs[0]
    names = {child.name: child for child in box.children}
    lines = code_of(box)
    for line in lines:
        made = eval(line, {"fg": fg, "np": np, "scipy": scipy}, dict(names))
        assert type(made) is cls, line
        assert made.children == box.children
        assert made.setting_values().keys() == box.setting_values().keys()
        assert all(same(value, made.setting_values()[name]) for name, value in box.setting_values().items()), line
    assert cls.__name__ in lines[-1]


def test_the_shortest_way_comes_first():
    a = fg.Input("a", shape=(2, 2))
    b = fg.Input("b", shape=(2, 2))
    assert code_of(a @ b) == ["a @ b", "np.matmul(a, b)", "fg.MatMul(a, b)"]
    assert code_of(fg.relu(a)) == ["fg.relu(a)", "fg.ReLU(a)"]
    assert code_of(fg.LeakyReLU(a, slope=0.2)) == ["fg.LeakyReLU(a, slope=0.2)"]
    assert code_of(a + a) == ["a + a", "np.add(a, a)", "fg.Add(a, a)"]
