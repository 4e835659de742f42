from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgraph.rendering.wording import (
    amount_text,
    exact_text,
    identifier,
    number_text,
    shape_text,
    shortened,
)
from flowgraph.shapes.size import Size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (2.5684, "2.57"),
        (0.03482, "0.0348"),
        (-0.00301, "−3.0e-3"),
        (0.139, "0.139"),
        (1.0, "1"),
        (1234.5, "1234"),
        (123456.0, "1.2e5"),
        (1e-300, "1.0e-300"),
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
    [(0.001, "0.001"), (1e-5, "1e-5"), (1e20, "1e20"), (2, "2"), (np.float64(-0.5), "−0.5"), (True, "True")],
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
    assert shortened("a" * 40) == "a" * 19 + "…" + "a" * 8
    assert identifier("layer1/W_2") == "layer1/W_2"


@given(st.text(min_size=1), st.text(min_size=1))
def test_identifiers_tell_names_apart(one: str, other: str) -> None:
    assert (identifier(one) == identifier(other)) == (one == other)
    assert all(c.isascii() and (c.isalnum() or c in "_-./:") for c in identifier(one))
