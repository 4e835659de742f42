"""A number keeps its sign, an array its mean and spread, in every view."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.rendering.animation import page
from flowgraph.rendering.statistics import describe, size_text, summary
from flowgraph.rendering.wording import number_text


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
        assert re.search(rf">[∂∇][^<]*\s{number}<", tile), (name, number)
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


@pytest.mark.parametrize("view", ["values", "gradients", "both", "backward"])
def test_every_view_says_how_large_complex_gradients_are(view: str) -> None:
    z = fg.Parameter(np.array([3.0 + 4.0j, -1.0j, 0.5 + 0.0j]), name="z")
    w = (np.exp(z) * (1 + 2j)).named("w")
    graph = fg.Graph(fg.sum(np.real(w * np.conj(w))).named("L"))
    run = graph.fprop()
    grads = run.bprop(keep="all")
    text = graph.to_svg(view=view, run=run, grads=grads)
    for box in ("z", "w"):
        found = describe(grads[box])
        assert found is not None
        said = size_text(found) if view == "gradients" else summary(found)
        assert f"{said}<" in text, (box, said)
    assert f"gradient of |·|: mean {number_text(np.mean(np.abs(grads['w'])))}" in text
    assert "(?)" not in page(graph, run, grads)
