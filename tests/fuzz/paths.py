"""The paths from a program to its numbers, each held against NumPy or against the graph."""

from __future__ import annotations

import contextlib
import copy
import pathlib
import tempfile
import warnings
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import flowgraph as fg
from tests.fuzz.agreement import Rounding
from tests.fuzz.built import SKIPPED, Built, Path, attempt, error_text
from tests.fuzz.case import Case
from tests.fuzz.drawing import with_new_values
from tests.fuzz.functional_path import functional
from tests.fuzz.plan_paths import (
    BATCHES,
    bare_plan,
    default_plan,
    interpreted,
    javascript,
    kernels,
    kernels_in_python,
    native,
    plan,
    plan_of_large,
    plan_sharded,
    plan_without_one,
    plan_without_some,
)


class Difference(NamedTuple):
    """What one path gives that another does not."""

    path: str
    what: str


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings: programs overflow and divide by zero on purpose."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def differences(case: Case, seed: Any, paths: Any = None) -> Iterator[Difference | str]:
    """Every difference between the paths of a program; after each path that was compared its name, to count it."""
    with quiet():
        try:
            built = Built(case, np.random.default_rng(seed))
        except Exception as error:
            yield Difference("build", error_text(error))
            return
        for name, path in (OWN if paths is None else paths).items():
            try:
                own = np.random.default_rng([*np.atleast_1d(seed), zlib.crc32(name.encode())])
                compared = yield from _named(name, path(built, own))
            except Exception as error:
                yield Difference(name, f"raised {error_text(error)}")
                compared = True
            if compared:
                yield name


def _named(name: str, path: Path) -> Generator[Difference, None, bool]:
    """The differences of a path under its name; whether it compared anything."""
    while True:
        try:
            what = next(path)
        except StopIteration as end:
            return end.value is not SKIPPED
        yield Difference(name, what)


def against_numpy(built: Built, rng: np.random.Generator, arrays: Mapping[str, Any] | None = None) -> Path:
    """The graph on these arrays gives what NumPy gives, or both raise."""
    case = built.case
    given = dict(case.arrays if arrays is None else {**case.arrays, **arrays})
    feeds = built.feeds(given, built.forward)
    run, error = attempt(lambda: built.forward.fprop(feeds, seed=5))
    randoms = {name: np.array(run[box]) for name, box in built.leaves.items() if run and box in built.forward.randoms}
    needed, its_error = attempt(lambda: case({**given, **randoms}))
    if run is None or needed is None:
        if "ZeroDivisionError" in its_error:
            return None  # NumPy refuses averages of nothing, which are NaN in a graph that serves every batch
        only_its_shape = needed is None and _raises_where_all_is_computed(built, given)
        if (run is None) != (needed is None) and not (run is None and built.forward.randoms) and not only_its_shape:
            yield f"graph: {error or 'a value'}; NumPy: {its_error or 'a value'}"
        return None
    rounding = Rounding(built.forward, run, case.exact)
    for name, box, value in zip(case.outputs, built.outputs, needed, strict=True):
        text = rounding.of_values(box, np.asarray(value)[()], run[box])
        if text:
            yield f"{name}: {text}"
    return None


def _raises_where_all_is_computed(built: Built, arrays: Mapping[str, Any]) -> bool:
    """Whether the values of all lines cannot be computed: a graph does not compute what only gives its shape."""
    names = tuple(name for name, _ in built.case.lines)
    boxes = [box for box in replace(built.case, outputs=names)(built.leaves) if isinstance(box, fg.Box)]
    graph = fg.Graph(*boxes)
    return attempt(lambda: graph.fprop(built.feeds(arrays, graph), seed=5))[0] is None


def gradient_graph(built: Built, rng: np.random.Generator, arrays: Mapping[str, Any] | None = None) -> Path:
    """The gradient graph gives what bprop gives; both refuse or none."""
    if built.loss is None or not built.wrt:
        return SKIPPED
    given = built.case.arrays if arrays is None else arrays
    alone = fg.Graph(built.loss)
    run, error = attempt(lambda: alone.fprop(built.feeds(given, alone), seed=5))
    wrt = {box for box in built.wrt if box in alone.slots}
    if run is None or not wrt:
        return SKIPPED
    grads, error = attempt(lambda: run.bprop(wrt=list(wrt), unused="zeros"))
    if built.refused:
        if grads is not None:
            yield f"bprop: a value; gradient graph: {built.refused}"
        return None
    backward = fg.Graph(*built.grads, built.loss)  # from whose inputs random leaves learn the size of the batch
    values, its_error = attempt(lambda: backward.fprop(built.feeds(given, backward), seed=5))
    if values is None or grads is None:
        if (values is None) != (grads is None):
            yield f"bprop: {error or 'a value'}; gradient graph: {its_error or 'a value'}"
        return None
    rounding = Rounding(backward, values, built.case.exact)
    for box, grad in zip(built.wrt, built.grads, strict=True):
        if box in wrt:
            text = rounding.of_values(grad, grads[box], values[grad])
            if text:
                yield f"gradient of {box.name}: {text} (needed: bprop)"
    return None


def batches(built: Built, rng: np.random.Generator) -> Path:
    """A graph with a named size serves every batch: values, gradients and one plan."""
    if not any(leaf.named for leaf in built.case.leaves):
        return SKIPPED
    for batch in BATCHES:
        arrays = {**built.case.arrays, **with_new_values(built.case, rng, batch)}
        for text in (*against_numpy(built, rng, arrays), *gradient_graph(built, rng, arrays)):
            yield f"N = {batch}: {text}"
    return (yield from plan(built, rng, batches=BATCHES))


def loaded(built: Built, rng: np.random.Generator) -> Path:
    """What was saved and loaded gives the same numbers, the same bits where all arrays lay in rows."""
    if built.whole.randoms:
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "graph.safetensors"
        fg.save(path, built.whole)
        again = fg.load(path)
    return (yield from _same(built, again, bits=all(leaf.layout == "a" for leaf in built.case.leaves)))


def copied(built: Built, rng: np.random.Generator) -> Path:
    """A deep copy gives the same bits, and shares no parameter."""
    again = copy.deepcopy(built.whole)
    yield from _same(built, again, bits=True)
    if set(again.parameters) & set(built.whole.parameters):
        yield "the copy shares a parameter"
    return None


def _same(built: Built, again: fg.Graph, bits: bool) -> Path:
    feeds = built.feeds(built.case.arrays, built.whole)
    run, error = attempt(lambda: built.whole.fprop(feeds, seed=3))
    by_name = {built.whole.names[box]: array for box, array in feeds.items()}
    other, its_error = attempt(lambda: again.fprop(by_name, seed=3))
    if run is None or other is None:
        if (run is None) != (other is None):
            yield f"graph: {error or 'a value'}; copy: {its_error or 'a value'}"
        return None
    rounding = Rounding(built.whole, run, built.case.exact)
    for place, (box, value) in enumerate(zip(built.whole.outputs, other.outputs, strict=True)):
        text = rounding.difference(box, value)
        if bits and not text and np.asarray(run[box]).tobytes() != np.asarray(value).tobytes():
            text = "other bits"
        if text:
            yield f"output {place}: {text}"
    return None


OWN: dict[str, Callable[[Built, np.random.Generator], Path]] = {
    "graph": against_numpy,
    "gradient": gradient_graph,
    "plan": default_plan,
    "plan bare": bare_plan,
    "plan but one": plan_without_one,
    "plan but some": plan_without_some,
    "plan of large": plan_of_large,
    "plan in shards": plan_sharded,
    "native in Python": interpreted,
    "native": native,
    "kernels in Python": kernels_in_python,
    "kernels": kernels,
    "javascript": javascript,
    "functional": functional,
    "batches": batches,
    "loaded": loaded,
    "copied": copied,
}
