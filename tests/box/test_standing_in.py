"""What stands for a box is taken as that box: as a child, in a list, as an argument of a function, by a Box class."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box import holds_box, join_boxes
from flowgraph.box.attached import Attribute
from flowgraph.box.base import operand
from flowgraph.box.standing_in import StandIn, without_stand_ins
from flowgraph.loops.containers import arrays_of, map_leaves, paths

X = fg.Input("x", shape=(3,))


def standing_for(box):
    stand_in = StandIn()
    stand_in.box = box
    return stand_in


@pytest.mark.parametrize(
    "taken",
    [
        lambda x: fg.Tanh(x).children[0],
        lambda x: fg.Add(1.0, x).children[1],
        lambda x: fg.relu(x).children[0],
        lambda x: fg.sum(x).children[0],
        lambda x: join_boxes(x),
        lambda x: join_boxes([x, [0.0, 1.0, 2.0]]).children[0],
        lambda x: operand("f", x),
        lambda x: without_stand_ins([0, (x,)])[1][0],
        lambda x: without_stand_ins({"a": slice(x, None)})["a"].start,
        lambda x: arrays_of([x])[0],
        lambda x: map_leaves(lambda leaf: leaf, (x,))[0],
        lambda x: dict(paths({"a": x}, "given"))["given['a']"],
    ],
)
def test_the_box_is_taken(taken):
    assert taken(standing_for(X)) is X


def test_a_list_with_what_stands_for_a_box_holds_one():
    assert holds_box([1.0, (standing_for(X),)])
    assert holds_box(standing_for(X))
    assert not holds_box([1.0, (2.0,)])


def test_an_attribute_is_read_where_no_setting_has_its_name():
    class Owner:
        double = Attribute(lambda self: 2 * self.number)
        number = 3

    owner = Owner()
    assert owner.double == 6
    owner.__dict__["double"] = "a setting"
    assert owner.double == "a setting"
    assert isinstance(Owner.double, Attribute)
    assert np.split(fg.Input("y", shape=(4,)), 2)[0].children[0].__dict__["at"] is not None
