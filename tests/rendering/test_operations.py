"""What a box does is written as mathematics is, and never as keyword arguments of Python."""

from __future__ import annotations

import re

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box import Box
from flowgraph.rendering.gallery import box_graph, topics
from flowgraph.rendering.operations import operation
from tests.registry import unregistered

a = fg.Input("a", shape=("N", 4, 5, 6))


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (a**2, "a²"),
        (np.square(a), "a²"),
        (a**-3, "a⁻³"),
        (a**0.5, "√a"),
        (a**-1, "1 / a"),
        (a**0.3, "a^0.3"),
        (a[:, 3], "[:, 3]"),
        (a[..., None], "[…, None]"),
        (a[:, ::2, -1], "[:, ::2, −1]"),
        (a[:, [0, 2]], "[:, ·]"),
        (np.mean(a, axis=-1, keepdims=True), "mean  over the last axis"),
        (np.sum(a, axis=(1, 2)), "Σ  over axes 1, 2"),
        (np.max(a, axis=0), "max  over axis 0"),
        (np.mean(a, axis=3), "mean  over the last axis"),
        (np.transpose(a, (0, 2, 1, 3)), "T  (0, 2, 1, 3)"),
        (np.reshape(a, (-1, 120)), "reshape"),
        (np.concatenate([a, a], axis=1), "concatenate  along axis 1"),
        (np.clip(a, 0.0, 6.5), "clip  from 0  to 6.5"),
        (np.sum(a, axis=()), "Σ  over no axis"),
        (np.flip(a, axis=(0, -1)), "flip  along axes 0, −1"),
        (fg.softmax(a, axis=None), "softmax  along all axes"),
        (np.tensordot(a, a, axes=((1,), (1,))), "tensordot  over axes 1 and 1"),
        (np.einsum("nijk->nk", a), "einsum  nijk → nk"),
        (np.round(a, -1), "round  decimals −1"),
        (np.pad(a, 1, mode="reflect"), "pad  mode reflect"),
        (2.0 - a, "2 −"),
        (a / 2.0, "÷ 2"),
    ],
)
def test_operations(box: Box, words: str) -> None:
    assert operation(box, "a") == words


def test_a_power_of_what_has_no_short_name() -> None:
    assert operation(a**2) == "( )²"
    assert operation(a**2, "encoder_output") == "( )²"


_CODE = re.compile(r"""['"=_]|\b(True|False)\b|\bNone\b(?![^[]*\])|\(-?\d+,\)|-\d""")
"""Quotes, keywords, switches, tuples of one number and hyphens before numbers; None stands in an index alone."""


def test_no_box_shows_its_settings_as_code() -> None:
    """Of all examples of all boxes, also those whose settings are switches, words, indices and empty tuples."""
    boxes = [
        box
        for topic in topics()
        for _, cls in topic.boxes
        for number in range(max(1, len(cls.examples or ())))
        for box in box_graph(cls, number).boxes
        if box.children
    ]
    assert len(boxes) > 600
    told = {(box.title, operation(box).removeprefix(type(box).symbol)) for box in boxes}
    assert not [(title, words) for title, words in told if _CODE.search(words)]


@pytest.mark.parametrize("value", [None, 0, -1, 2.5, True, "word", (), (1,), (0, -2), ((1,), (0,)), [3], {"a": 1}])
@pytest.mark.parametrize("name", ["axis", "axes", "index", "subscripts", "keepdims", "to", "low", "high", "columns"])
def test_boxes_of_users_may_call_and_fill_their_settings_as_they_like(name: str, value: object) -> None:
    """A setting of a box elsewhere is shown or left out, whatever it holds, and its picture is drawn."""
    with unregistered():
        code = {"__annotations__": {name: object}, name: "other", "fprop": lambda self, a: a,
                "bprop": lambda self, grad, h, a: (grad,), "symbol": "odd"}  # fmt: skip
        odd = type("Odd", (fg.Elementwise,), code)
        box = odd(fg.Input("a", shape=(2, 3)), **{name: value})
        assert operation(box).startswith("odd")
        assert "odd" in fg.Graph(box).to_svg()
