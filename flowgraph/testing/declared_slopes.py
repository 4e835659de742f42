"""The check that what a box declares of its slopes is so."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from flowgraph.box import Box, Elementwise
from flowgraph.box.vocabulary import CONSTANT, FINITE, SHARE
from flowgraph.checking.cases import Case
from flowgraph.debugging.zero import is_flat
from flowgraph.testing.probes import differentiable, grads_of, parts, require


def slopes_as_declared(case: Case) -> None:
    """`slopes` is true: elementwise, finite where children are, and 0 sent on as 0 by a constant; no share below 0."""
    silent = case.cls.slopes == "" and case.cls.slopes_of is Box.slopes_of
    if silent or not differentiable(case):
        return
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values at the edges of the domain
        if issubclass(case.cls, Elementwise):
            _require_finite(case)
            _require_zeros(case)
        if case.cls.slopes in SHARE:
            shares = _grads(case, 1)
            negative = any(np.any(np.real(share) < 0) for share in shares)
            require(not negative, f"{case}: declares slopes = {case.cls.slopes!r}, sends on {shares} of ones")


def saturation_as_declared(case: Case) -> None:
    """A unit of a box that `saturates` is flat far from 0 on one side at least; one that can die has no slope there."""
    if not case.cls.saturates or not differentiable(case):
        return
    with np.errstate(all="ignore"):
        slopes = [_grads(moved, 1)[0] for moved in _filled(case, (-1e3, 1e3))]
    flat = any(np.all(is_flat(case.box, slope)) for slope in slopes)
    listed = ", ".join(f"{float(np.max(np.abs(slope), initial=0)):.3g}" for slope in slopes)
    require(flat, f"{case}: declares saturates = {case.cls.saturates!r}, has the slopes {listed} at -1000 and 1000")


def _require_finite(case: Case) -> None:
    """Gradients that are declared finite are so, at 0 and at finite numbers on both sides of it."""
    for moved in _filled(case, (0.0, -1.0, 1.0, 30.0, -30.0)):
        box = moved.box
        if all(box.slopes_of(i) in FINITE for i in case.floats):
            results = (*parts(moved.value), *_grads(moved, 1))
            finite = all(np.all(np.isfinite(result)) for result in results)
            require(finite, f"{case}: declares finite slopes, gives {results} at {_numbers(moved)}")


def _require_zeros(case: Case) -> None:
    """Where slopes are declared constant, at numbers that would make a NaN of 0 times a slope."""
    for moved in _filled(case, (0.0, np.inf, -np.inf, np.nan)):
        box = moved.box
        for i, grad in zip(case.floats, _grads(moved, 0), strict=True):
            if box.slopes_of(i) in CONSTANT:
                label = box.names_of_children()[i]
                require(
                    not np.any(grad),
                    f"{case}: declares slopes by {label} that send 0 on as 0, sends {grad} at {_numbers(moved)}",
                )


def _filled(case: Case, numbers: tuple[float, ...]) -> Iterator[Case]:
    """The case with one child after the other full of one number."""
    for i in case.floats:
        for number in numbers:
            children = list(case.children)
            children[i] = np.full_like(children[i], number)
            yield case.replace(*children)


def _grads(case: Case, number: int) -> list[Any]:
    """The gradients of the children for a gradient full of one number."""
    value = case.value
    filled = tuple(np.full_like(part, number) for part in parts(value))
    return grads_of(case, filled if isinstance(value, tuple) else filled[0])


def _numbers(case: Case) -> str:
    return ", ".join(np.array2string(a, threshold=6) for a in case.children)
