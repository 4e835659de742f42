"""Numbers beside a picture have one notation: minus signs in mantissa and exponent, three digits, no signed zero."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.functional import trace, vmap
from flowgraph.rendering.animation import page
from flowgraph.rendering.files import picture_of, svg_of
from flowgraph.rendering.gallery import box_graph
from flowgraph.rendering.value_table import summary
from flowgraph.rendering.wording import exact_text, number_text, numbers_in_javascript
from tests.browser import answered, in_a_browser
from tests.rendering.graphs import feeds, lecture
from tests.rendering.random_graphs import batch, random_graph
from tests.rendering.test_gallery import DRAWN
from tests.seed import seed_of_tree

OTHERWISE = re.compile(r"(?<!\w)-|\de[-+]?0|\de[-+]\d|−0(?![.\d])")
"""A hyphen in place of a minus sign, not that of a word; an exponent as Python writes it; a zero with a sign."""

_NAMED = re.compile(r"box -\d+")
"""The end of the names that random graphs have."""

DIGITS = re.compile(r"\d+(?:\.\d+)?(?:e−?\d+)?")


def words_of(svg: str) -> Iterator[str]:
    """What an SVG or a page writes, and what it says of what is pointed at; formulas in MathML aside."""
    text = re.sub(r"(?s)<(script|style|math)\b.*?</\1>", "", svg)
    yield from (html.unescape(word).strip() for word in re.findall(r">([^<>]+)<", text))


def written_otherwise(words: Iterator[str]) -> list[str]:
    """The lines that have a number or an operation in another notation; "axis = -1" and names are the program's."""
    lines = (_NAMED.sub("", line) for word in words for line in word.splitlines() if " = " not in line)
    return [line for line in lines if OTHERWISE.search(line)]


def signed_zeros() -> tuple[fg.Graph, fg.Run]:
    """A graph whose values and gradients have zeros with a sign, and very small numbers."""
    x, w = fg.Input("x", shape=("N", 3)), fg.Parameter(np.array([-0.0, -2e-7, 3.0]), name="w")
    graph = fg.Graph(fg.sum(np.maximum(x, 0.0) * -w * (1e-5 * x) ** 2).named("loss"))
    return graph, graph.fprop(x=np.array([[-1.0, 0.0, 2.0], [-0.0, -3.0, 1e-9]]))


@pytest.mark.parametrize("view", ["values", "gradients", "both", "backward"])
@pytest.mark.parametrize("name", ["lecture", "signed zeros", "random"])
def test_pictures_with_numbers_have_one_notation(name: str, view: str) -> None:
    if name == "lecture":
        graph = lecture()
        run = graph.fprop(feeds())
    elif name == "signed zeros":
        graph, run = signed_zeros()
    else:
        seed = seed_of_tree()
        graphs = (random_graph(seed + place, 20) for place in range(50))
        graph = next(one for one in graphs if len(one.outputs) == 1 and one.parameters)
        run = graph.fprop(batch())
    grads = run.bprop(grad=np.ones_like(run.outputs[0]), keep="all")
    assert written_otherwise(words_of(svg_of(picture_of(graph, view=view, run=run, grads=grads), "light"))) == []
    assert written_otherwise(words_of(page(graph, run, grads))) == []
    assert written_otherwise(words_of(run._repr_html_() + grads._repr_html_())) == []


@pytest.mark.parametrize("cls", DRAWN, ids=lambda cls: cls.__name__)
def test_the_picture_of_a_box_has_one_notation(cls: type[fg.Box]) -> None:
    assert written_otherwise(words_of(svg_of(picture_of(box_graph(cls), detail="boxes"), "light"))) == []


@given(st.floats() | st.complex_numbers() | st.integers(-(10**9), 10**9))
def test_a_number_is_written_one_way(number: complex) -> None:
    for text in (number_text(number), exact_text(number)):
        assert not OTHERWISE.search(text)
    for text in DIGITS.findall(number_text(number)):
        mantissa = text.partition("e")[0]
        whole, _, rest = mantissa.partition(".")
        assert len((whole + rest).lstrip("0")) <= (3 if rest else 5)


def numbers_of_all_kinds(rng: np.random.Generator) -> list[float]:
    """Numbers of all sizes, of all bits, in the middle between two texts, and where a notation ends."""
    drawn = rng.choice([-1.0, 1.0], 4000) * 10.0 ** rng.uniform(-320, 308, 4000)
    bits = rng.integers(0, 1 << 64, 4000, dtype=np.uint64).view(float)
    halves = (rng.integers(0, 10**7, 4000) + 0.5) / 2.0 ** rng.integers(-4, 20, 4000)
    ends = [sign * np.nextafter(end, to) for end in (999.5, 99999.5, 1e-4, 1e-5, 1e5, 1e6, 999999.5)
            for to in (-np.inf, end, np.inf) for sign in (-1, 1)]  # fmt: skip
    found = np.concatenate([drawn, bits, halves, halves * 1e-9, rng.normal(size=4000), ends, [0.0, -0.0, 5e-324]])
    return [number for number in found.tolist() if math.isfinite(number)]


@in_a_browser
def test_pages_write_numbers_as_pictures_do() -> None:
    numbers = numbers_of_all_kinds(np.random.default_rng(seed_of_tree()))
    body = f"{numbers_in_javascript()} return {json.dumps(numbers)}.map((x) => [numberText(x), exactText(x)]);"
    found = answered("", body)
    assert found == [[number_text(number), exact_text(number)] for number in numbers]
    body = f"{numbers_in_javascript()} return [NaN, Infinity, -Infinity].map(numberText);"
    assert answered("", body) == [number_text(number) for number in (math.nan, math.inf, -math.inf)]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_a_table_says_the_numbers_of_the_picture(numbers: list[float]) -> None:
    _, _, low, mean, high, *_ = summary(np.array(numbers))
    assert (low, high) == (number_text(min(numbers)), number_text(max(numbers)))
    assert not OTHERWISE.search(mean)


def test_vmap_adds_no_operation() -> None:
    graph = trace(vmap(lambda u, s: np.tanh(u * s), in_axes=(0, None)), u=np.ones((4, 3)), s=np.ones(3))
    assert [type(box).__name__ for box in graph.boxes if box.children] == ["Multiply", "Tanh"]
