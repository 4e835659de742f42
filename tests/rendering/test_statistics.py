"""Numbers as pictures say them: the statistics of an array, its summary in every view, words for a number."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.rendering.animation import page
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.palette import LEVELS
from flowgraph.rendering.picture import Span, Strip
from flowgraph.rendering.statistics import BINS, describe, rounded_zeros, size_text, summary
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.wording import amount_text, exact_text, identifier, number_text, shape_text, shorten_text
from flowgraph.shapes.size import Size
from tests.rendering.random_graphs import batch, random_graph
from tests.seed import seed_of_tree


def test_against_numpy() -> None:
    a = np.random.default_rng(0).normal(size=(30, 40))
    found = describe(a)
    assert found is not None
    assert found.mean == pytest.approx(a.mean())
    assert found.std == pytest.approx(a.std())
    assert (found.low, found.high) == (a.min(), a.max())
    assert found.rms == pytest.approx(np.sqrt(np.mean(a**2)))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_a_histogram_spans_from_the_smallest_to_the_largest_element(numbers: list[float]) -> None:
    found = describe(np.array(numbers))
    assert found is not None
    counts, _ = np.histogram(numbers, BINS) if min(numbers) < max(numbers) else ([], [])
    assert (found.low, found.high) == (min(numbers), max(numbers))
    assert [level > 0 for level in found.histogram] == [count > 0 for count in counts]
    assert max(found.histogram, default=LEVELS) == LEVELS


def test_nothing_overflows() -> None:
    found = describe(np.array([1e300, -1e300]))
    assert found is not None
    assert found.rms == pytest.approx(1e300)
    tiny = describe(np.array([1e-300]))
    assert tiny is not None
    assert tiny.rms == pytest.approx(1e-300)


def test_what_has_no_statistics() -> None:
    assert describe(np.zeros((0, 3))) is None
    assert describe(np.array(["a"])) is None


def test_complex_numbers_have_the_statistics_of_their_absolute_values() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 6)) + 1j * rng.normal(size=(5, 6))
    found, size = describe(a), describe(np.abs(a))
    assert found is not None
    assert size is not None
    assert found.absolute
    assert not found.histogram
    assert (found.mean, found.std, found.low, found.high, found.rms) == (
        size.mean, size.std, size.low, size.high, size.rms,
    )  # fmt: skip


def say(array: object) -> tuple[str, str]:
    found = describe(np.asarray(array))
    assert found is not None
    return summary(found), size_text(found)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([(), (1,), (1, 1)]))
def test_a_number_alone_is_said_with_its_sign(number: float, shape: tuple[int, ...]) -> None:
    words = number_text(number) if number else "exactly 0"
    assert say(np.full(shape, number)) == (words, words)


def test_arrays_have_mean_and_spread_or_their_size() -> None:
    assert say([-3.0, 1.0]) == ("−1 ± 2", "rms 2.24")
    assert say([-1.0, 1.0, 1e-17]) == ("0 ± 0.816", "rms 0.816")
    assert say(np.zeros(3)) == ("exactly 0", "exactly 0")
    assert say([1.0, np.nan]) == ("NaN", "NaN")


@pytest.mark.parametrize("view", ["values", "gradients", "both", "backward"])
def test_the_chain_rule_by_hand_is_what_every_view_shows(view: str) -> None:
    a, b, c, f = (fg.Parameter(v, name=n) for n, v in (("a", 2.0), ("b", -3.0), ("c", 10.0), ("f", -2.0)))
    e = (a * b).named("e")
    d = (e + c).named("d")
    graph = fg.Graph((d * f).named("L"))
    run = graph.fprop()
    grads = run.bprop(keep="all")
    right = {"a": "6", "b": "−4", "c": "−2", "d": "−2", "e": "−2", "f": "4"}
    text = graph.to_dot(view=view, run=run, grads=grads)
    for name, number in right.items():
        (tile,) = re.findall(rf'^"{name}" \[.*', text, re.M)
        assert re.search(rf">∇[^<]*\s{number}<", tile), (name, number)
        if view != "backward":
            assert f"gradient {number}&#10;" in tile
    told = page(graph, run, grads)
    for name, number in right.items():
        assert f"∇{name}  {number}" in told


def test_complex_numbers_are_said_by_their_absolute_values_and_one_alone_as_it_is() -> None:
    assert say([3.0 + 4.0j, 0.0]) == ("|·| 2.5, max 5", "rms 3.54")
    assert say(3.0 - 4.0j) == ("3−4i", "3−4i")
    assert say([0j, 0j]) == ("exactly 0", "exactly 0")
    assert say([1.0, complex(np.nan, 1.0)])[0] == "NaN"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (2.5684, "2.57"),
        (0.03482, "0.0348"),
        (-0.00301, "−0.00301"),
        (0.139, "0.139"),
        (1.0, "1"),
        (1234.5, "1234"),
        (-123456.0, "−1.23e5"),
        (99999.4, "99999"),
        (5.2e-18, "5.2e−18"),
        (0.000999, "0.000999"),
        (1e-300, "1e−300"),
        (math.nan, "NaN"),
        (math.inf, "Inf"),
        (-math.inf, "−Inf"),
        (np.float32(0.5), "0.5"),
        (np.int64(7), "7"),
        (1 + 2j, "1+2i"),
        (np.bool_(True), "1"),
    ],
)
def test_numbers_have_three_digits(number: object, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.001, "0.001"), (1e-5, "1e−5"), (1e20, "1e20"), (2, "2"), (np.float64(-0.5), "−0.5"), (True, "True")],
)
def test_written_numbers_stay_as_written(number: object, text: str) -> None:
    assert exact_text(number) == text


def test_shapes() -> None:
    N = Size("N")
    assert shape_text((32, 784)) == "32×784"
    assert shape_text(()) == "scalar"
    assert shape_text((N, 784)) == "N×784"
    assert shape_text((N, 784), {"N": 32}) == "32×784"
    assert shape_text((N - 1, 2 * N)) == "(N−1)×2·N"
    assert shape_text((Size("?3"),)) == "?"


def test_amounts() -> None:
    N = Size("N")
    assert amount_text(20_800_000, "FLOP") == "20.8 MFLOP"
    assert amount_text(421 * 1024, "B") == "421 KiB"
    assert amount_text(1020, "B") == "1020 B"
    assert amount_text(203_264 * N, "FLOP") == "203 kFLOP × N"
    assert amount_text(1000 * N + 2, "FLOP") == "1 kFLOP × N"
    assert amount_text(1000 * N + 200, "FLOP") == "1 kFLOP × N + 200 FLOP"
    assert amount_text(1000 * N, "FLOP", {"N": 3}) == "3 kFLOP"
    assert amount_text(Size("?1"), "B") == ""
    assert amount_text(N * N + N + 1, "B") == "1 B × N × N + …"


def test_names() -> None:
    assert shorten_text("a" * 40) == "a" * 19 + "…" + "a" * 8
    assert identifier("layer1/W_2") == "layer1/W_2"


@given(st.text(min_size=1), st.text(min_size=1))
def test_identifiers_tell_names_apart(one: str, other: str) -> None:
    assert (identifier(one) == identifier(other)) == (one == other)
    assert all(c.isascii() and (c.isalnum() or c in "_-./:") for c in identifier(one))


@pytest.mark.parametrize("seed", range(8))
def test_the_ends_of_a_strip_are_the_extremes_of_the_run(seed: int) -> None:
    graph = random_graph(seed_of_tree() + seed, 8 + 6 * seed)
    run = graph.fprop(batch())
    grads = run.bprop(grad=[np.ones_like(output) for output in run.outputs], keep="all") if graph.parameters else None
    tiles = {tile.id: tile for tile in picture_of(graph, view="values", run=run, grads=grads, collapse=False).tiles}
    for box in graph.boxes:
        tile = tiles.get(identifier(graph.names[box]))
        for row in () if tile is None else tile.rows:
            if len(row.items) == 3 and isinstance(strip := row.items[1], Strip):
                assert grads is not None or strip.cells[0].startswith("value")
                array = run[box] if strip.cells[0].startswith("value") else (grads or {})[box]
                low, _, high = row.items
                assert isinstance(low, Span)
                assert isinstance(high, Span)
                assert (low.text, high.text) == (number_text(np.min(array)), number_text(np.max(array)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 30.0))
def test_a_gradient_whose_terms_cancel_is_0_but_for_rounding(dtype: type[Any], seed: int, scale: float) -> None:
    """A shift before a normalisation, or of all scores of a softmax, changes no loss."""
    rng = np.random.default_rng(seed)
    x, y = (rng.normal(size=(9, size)).astype(dtype) for size in (6, 3))
    V, U = (fg.Parameter((scale * rng.normal(size=shape)).astype(dtype)) for shape in ((6, 5), (5, 3)))
    before, shift = (fg.Parameter(np.zeros(shape, dtype)) for shape in ((5,), ()))
    a: Any = x @ V + before
    spread = a - fg.mean(a, axis=0, keepdims=True)
    normal = spread / np.sqrt(fg.mean(spread * spread, axis=0, keepdims=True) + dtype(1e-5))
    losses = fg.SoftmaxCrossEntropy(np.tanh(normal) @ U + shift, fg.softmax(fg.Constant(y)))
    graph = fg.Graph(fg.mean(losses))
    grads = graph.fprop().bprop(keep="all")
    rounded = rounded_zeros(grads)
    for box in (before, shift):
        assert box in rounded or not np.any(grads[box])
    assert V not in rounded
    subject = Subject(graph, "values", grads=grads)
    assert all("0 but for rounding" in summary(subject.gradient(box)) for box in rounded)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 1.0), layers=st.integers(1, 30))
def test_a_gradient_that_vanishes_is_drawn_as_it_is(dtype: type[Any], seed: int, scale: float, layers: int) -> None:
    rng = np.random.default_rng(seed)
    h: Any = fg.Constant(rng.normal(size=(9, 6)).astype(dtype))
    for _ in range(layers):
        h = fg.sigmoid(h @ fg.Parameter((scale * rng.normal(size=(6, 6))).astype(dtype)))
    assert not rounded_zeros(fg.Graph(fg.mean(h * h)).fprop().bprop(keep="all"))
