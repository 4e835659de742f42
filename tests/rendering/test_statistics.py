from __future__ import annotations

import numpy as np
import pytest

from flowgraph.rendering.files import picture_of
from flowgraph.rendering.palette import LEVELS
from flowgraph.rendering.statistics import BINS, describe
from tests.rendering.graphs import feeds, lecture


def test_against_numpy() -> None:
    a = np.random.default_rng(0).normal(size=(30, 40))
    found = describe(a)
    assert found is not None
    assert found.mean == pytest.approx(a.mean())
    assert found.std == pytest.approx(a.std())
    assert (found.low, found.high) == (a.min(), a.max())
    assert found.rms == pytest.approx(np.sqrt(np.mean(a**2)))


def test_a_histogram_has_zero_in_its_middle() -> None:
    zeros = describe(np.zeros(5))
    assert zeros is not None
    assert zeros.histogram == tuple(LEVELS if i == BINS // 2 else 0 for i in range(BINS))
    ends = describe(np.array([-1.0, 1.0]))
    assert ends is not None
    assert (ends.histogram[0], ends.histogram[-1], sum(ends.histogram)) == (LEVELS, LEVELS, 2 * LEVELS)


def test_nothing_overflows() -> None:
    found = describe(np.array([1e300, -1e300]))
    assert found is not None
    assert found.rms == pytest.approx(1e300)
    tiny = describe(np.array([1e-300]))
    assert tiny is not None
    assert tiny.rms == pytest.approx(1e-300)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_said(bad: float) -> None:
    found = describe(np.array([1.0, bad]))
    assert found is not None
    assert not found.finite


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


def test_sums_of_losses_are_not_coloured_as_exploding() -> None:
    graph = lecture()
    run = graph.fprop(feeds())
    picture = picture_of(graph, view="gradients", run=run, grads=run.bprop(keep="all"))
    fills = {tile.id: tile.fill for tile in picture.tiles}
    assert fills["R"] == "fill regularizer"
    assert fills["mean"] == "fill box"
    assert fills["h1"].startswith("heat")
    assert fills["W2"].startswith("heat")
