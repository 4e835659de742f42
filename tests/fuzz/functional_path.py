"""The path of a program through a derivative of a function, which is called, and under `jit`."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.functional import jit, value_and_grad
from tests.fuzz.agreement import Rounding
from tests.fuzz.built import SKIPPED, Built, Path, attempt
from tests.fuzz.case import Case
from tests.fuzz.drawing import with_new_values

CALLS = 4


def functional(built: Built, rng: np.random.Generator) -> Path:
    """A derivative gives what the graph gives, in each of several calls, and its results stay as they are."""
    case = built.case
    given = [leaf.name for leaf in case.leaves if leaf.kind != "constant"]
    boxes = case.boxes()
    places = [i for i, name in enumerate(given) if boxes[name].dtype.kind in "fc"]
    constants = {leaf.name: leaf.fed() for leaf in case.leaves if leaf.kind == "constant"}
    captured = _captured(case, constants)
    if built.loss is None or built.whole.randoms or not places or built.refused:
        return SKIPPED

    def f(*values: Any) -> Any:
        return _total(case({**captured, **dict(zip(given, values, strict=True))}))

    total = _total(case(boxes))
    wrt = [boxes[given[i]] for i in places]
    graph = fg.Graph(total, *fg.gradients([total], wrt, [None], unused="zeros"))
    derived = _derived(f, tuple(places), bool(rng.integers(2)))
    kept: list[tuple[Any, Any]] = []
    for number in range(CALLS):
        arrays = {**case.arrays, **(with_new_values(case, rng, None) if number % 2 else {}), **constants}
        feeds = {boxes[name]: arrays[name] for name in given if boxes[name] in graph.slots}
        run, error = attempt(lambda feeds=feeds: graph.fprop(feeds))
        found, its_error = attempt(lambda arrays=arrays: derived(*[arrays[name] for name in given]))
        if run is None or found is None:
            if (run is None) != (found is None):
                yield f"call {number + 1}: graph: {error or 'a value'}; functional: {its_error or 'a value'}"
            return None
        rounding = Rounding(graph, run, case.exact and number == 0)
        values = [found[0], *found[1]]
        for place, (box, value) in enumerate(zip(graph.outputs, values, strict=True)):
            text = rounding.difference(box, value)
            if text:
                yield f"call {number + 1}, output {place}: {text}"
        kept.append((values, copy.deepcopy(values)))
    for number, (one, other) in enumerate(kept):
        if any(np.asarray(a).tobytes() != np.asarray(b).tobytes() for a, b in zip(one, other, strict=True)):
            yield f"the result of call {number + 1} has changed since"
    return None


def _derived(f: Any, places: tuple[int, ...], once: bool) -> Any:
    """The derivative; under `jit`, where the program asks no box for a value and `once` says so."""
    derived = value_and_grad(f, places)
    if not once:
        return derived
    jitted = jit(derived)

    def call(*values: Any) -> Any:
        try:
            return jitted(*values)
        except UsageError as error:
            if "under jit" not in str(error):
                raise
            return derived(*values)

    return call


def _captured(case: Case, constants: dict[str, Any]) -> dict[str, Any]:
    """The constants as a function captures them: arrays, but as boxes where their method is called with a box."""
    methods = any(".dot(" in text for _, text in case.lines)
    return {name: fg.Constant(array) if methods else array for name, array in constants.items()}


def _total(outputs: Any) -> Any:
    """A number that all real and complex outputs move."""
    parts = [np.sum(np.real(one)) for one in outputs if one.dtype.kind in "fc"]
    return sum(parts[1:], start=parts[0])
