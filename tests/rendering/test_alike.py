"""A page that says once what its parts share holds the same parts as one that writes each in full."""

from __future__ import annotations

import re

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.rendering import viewer
from tests.browser import answered, in_a_browser
from tests.rendering.graphs import deep, lecture, nasty
from tests.rendering.test_openable import nested
from tests.rendering.test_repetition import lstm

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class InFull:
    """Instead of `Alike`: writes each part as it is."""

    def shorten_part(self, part: str) -> str:
        return part


def parts(text: str) -> list[str]:
    """The frames, links and boxes of a page as a browser holds them, in order."""
    found: list[str] = answered(text, "return [...frames, ...links, ...boxes].map((part) => part.outerHTML);")
    return found


@in_a_browser
@pytest.mark.parametrize(
    ("graph", "settings"),
    [
        (deep(8), {"collapse": False, "detail": "boxes"}),
        (nested(), {}),
        (lecture(), {"view": "both", "direction": "down"}),
        (lstm(4), {"theme": "dark"}),
        (nasty(), {}),
    ],
    ids=["layers", "scopes", "both", "steps", "hostile names"],
)
def test_the_parts_are_those_of_a_page_written_in_full(
    graph: fg.Graph, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "MANY", 0)
    short = graph.interactive(**settings).text
    monkeypatch.setattr(viewer, "Alike", InFull)
    full = graph.interactive(**settings).text
    assert "data-like" not in full
    one, other = parts(short), parts(full)
    assert "data-like" in short or len(one) < 12
    assert [_NUMBER.sub("0", text) for text in one] == [_NUMBER.sub("0", text) for text in other]
    for text, needed in zip(one, other, strict=True):
        numbers, wanted = ([float(found) for found in _NUMBER.findall(part)] for part in (text, needed))
        assert np.allclose(numbers, wanted, atol=0.11)


def test_one_box_more_takes_few_letters() -> None:
    """Of a chain of layers: their places and names, but not again what the other layers have said."""
    sizes = [len(deep(count).interactive(collapse=False, detail="boxes").text) for count in (150, 250)]
    assert (sizes[1] - sizes[0]) / (100 * len(deep(1).boxes[1:-1])) < 550
