"""Where factors and terms may be gathered: never so that a result becomes infinite, NaN or 0, or is so no longer."""

import itertools

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan.passes.scalars import may_add, may_add_factors, may_multiply

NUMBERS = (0.0, 1.0, -1.0, 2.0, -0.5, 3.0, 1e-3, 1e30, -1e30, 1e-30, 3e38, 1e-38, 1e-40, 1e160, 1e-160, 1.7e308, 1e-310)
RULES = {
    may_multiply: (lambda c, d, x: c * (d * x), lambda c, d, x: (c * d) * x),
    may_add_factors: (lambda c, d, x: c * x + d * x, lambda c, d, x: (c + d) * x),
    may_add: (lambda c, d, x: c + (d + x), lambda c, d, x: (c + d) + x),
}


def kinds(value):
    """Which elements are not finite, by kind, and which are 0 or so small that digits are lost."""
    tiny = np.abs(value) < 4 * np.finfo(value.dtype).tiny
    return np.select([np.isnan(value), value == np.inf, value == -np.inf, tiny], [1, 2, 3, 4], 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("may", RULES, ids=lambda rule: rule.__name__)
def test_what_may_be_gathered_keeps_the_kind_of_every_result(may, dtype):
    apart, gathered = RULES[may]
    info = np.finfo(dtype)
    spread = 10.0 ** np.linspace(np.log10(float(info.tiny)), 0.9999 * np.log10(float(info.max)), 500)
    x = np.concatenate([spread, -spread, [0.0, np.inf, -np.inf, np.nan]]).astype(dtype)
    given = [dtype(number) for number in NUMBERS if abs(number) <= float(info.max)]
    allowed = 0
    with np.errstate(all="ignore"):
        for c, d in itertools.product(given, repeat=2):
            if may(c, d, np.dtype(dtype)):
                allowed += 1
                one, other = apart(c, d, x), gathered(c, d, x)
                edge = (kinds(one) != kinds(other)) & ~_near(one, other, info)
                if may is may_add:  # terms cancel, and what is left of them is rounding
                    edge &= ~(np.isfinite(one) & np.isfinite(other))
                assert not edge.any(), (c, d, x[edge][:3], one[edge][:3], other[edge][:3])
    assert allowed > len(given)


def _near(one, other, info):
    """Whether both are on one edge: of the smallest numbers, or of the largest, up to rounding."""
    small = (np.abs(one) < 8 * info.tiny) & (np.abs(other) < 8 * info.tiny)
    large = (np.abs(one) > info.max * 0.999) & (np.abs(other) > info.max * 0.999) & (np.sign(one) == np.sign(other))
    return small | large


@pytest.mark.parametrize("may", RULES, ids=lambda rule: rule.__name__)
def test_a_number_that_only_a_run_knows_is_not_gathered(may):
    for number in (2.0, -3.0, 1e300, None):
        assert not may(None, number, np.dtype(float))
        assert not may(number, None, np.dtype(float))


def test_factors_of_which_one_is_known_stay_apart():
    x, c = fg.Input("x", shape=(3,)), fg.Input("c")
    boxes = [c * x + 2.0 * x, 2.0 * x + c * x, c * x - 2.0 * x, c * (2.0 * x), 2.0 * (c * x), x / c + x * 2.0]
    plan, graph = fg.compile(boxes), fg.Graph(*boxes)
    for feeds in ({"x": [1.0, -2.0, 1e-308], "c": 1e-3}, {"x": [1.0, 1e308, -1.0], "c": -1.5}):
        with np.errstate(all="ignore"):
            for one, other in zip(plan(feeds), graph.fprop(feeds).outputs, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-14)
