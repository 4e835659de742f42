"""Paths of a program through plans: with all passes, with some, compiled, and what large arrays make of them."""

from __future__ import annotations

import contextlib
import copy
import importlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

import numpy as np

import flowgraph as fg
from flowgraph.errors import PlanError
from flowgraph.plan import PASSES
from flowgraph.plan.javascript.node import node_program
from flowgraph.plan.numba import compiling, emitter
from flowgraph.plan.numpy import emitter as numpy_emitter
from flowgraph.plan.passes import products, sparse_rows
from flowgraph.plan.shards import split as shards
from tests.fuzz.agreement import Rounding, disagreement
from tests.fuzz.built import SKIPPED, Built, Path, attempt
from tests.fuzz.drawing import with_new_values
from tests.plan.native_in_python import kernel_in_python


def plan(built: Built, rng: np.random.Generator, without: Any = (), batches: Any = (None,), **settings: Any) -> Path:
    """A plan of outputs, gradients and updates gives what the graph gives, call after call, and keeps its results."""
    before = {box: box.value for box in built.updates}
    states = [(box, set(box.__dict__), box.built_at, box.name) for box in built.whole]
    try:
        step = fg.compile(list(built.kept), built.updates, without=without, **settings)
        yield from _calls(built, rng, _called(step, int(rng.integers(4))), batches)
        is_other = step.last is not None and step.last.emitter.name == settings.get("backend")
    finally:
        for box, value in before.items():
            box.value = value
    for box, keys, built_at, name in states:
        if box.__dict__.keys() - keys - {"differentiable_wrt"} or (box.built_at, box.name) != (built_at, name):
            yield f"the plan has written into {box!r}"
    return SKIPPED if settings and not is_other else None


def _called(step: Any, how: int) -> Callable[[dict[Any, Any], int], Any]:
    """A call of a plan: with a dict of boxes, a dict of names, keywords, or by position."""

    def call(feeds: dict[Any, Any], seed: int) -> Any:
        if how == 0:
            return step(feeds, seed=seed)
        if how == 1:
            return step({box.name: array for box, array in feeds.items()}, seed=seed)
        if how == 2 and "seed" not in step.input_names:
            return step(**{box.name: array for box, array in feeds.items()}, seed=seed)
        return step(*[feeds[box] for box in step.inputs], seed=seed)

    return call


def _calls(built: Built, rng: np.random.Generator, step: Any, batches: Any) -> Path:
    results: list[tuple[Any, Any]] = []
    for number in range(3):
        for batch in batches:
            arrays = {
                **built.case.arrays,
                **(with_new_values(built.case, rng, batch) if number % 2 or batch is not None else {}),
            }
            feeds = built.feeds(arrays, built.whole)
            run, error = attempt(lambda feeds=feeds, number=number: built.whole.fprop(feeds, seed=number))
            found, its_error = attempt(lambda feeds=feeds, number=number: step(feeds, number))
            where = f"call {number + 1}" + ("" if batch is None else f", N = {batch}")
            if run is None or found is None:
                only_its_shape = found is not None and "zero-size array" in error  # docs/plans.md: not computed
                too_large = run is not None and "a whole number beyond 2**53" in its_error and _is_too_large(built, run)
                if (run is None) != (found is None) and not only_its_shape and not too_large:
                    yield f"{where}: graph: {error or 'a value'}; plan: {its_error or 'a value'}"
                return None
            exact = built.case.exact and number == 0  # new values are not so simple
            for text in _wrong(built, run, arrays, found, exact):
                yield f"{where}, {text}"
            results.append((found, copy.deepcopy(found)))
    yield from _changed_since(results)
    return None


def _is_too_large(built: Built, run: Any) -> bool:
    """Whether a whole number of the run is none that JavaScript counts with, as 1 // 0 is in NumPy."""
    values = [np.asarray(run[box]) for box in built.whole if len(box.outputs) == 1]
    return any(value.dtype.kind in "iu" and bool(np.any(np.abs(value.astype(float)) > 2**53)) for value in values)


def _wrong(built: Built, run: Any, arrays: Mapping[str, Any], found: Any, exact: bool) -> Iterator[str]:
    """In what a call of a plan differs from a run: outputs, and new values of parameters."""
    rounding = Rounding(built.whole, run, exact)
    for place, (box, value) in enumerate(zip(built.kept, found, strict=True)):
        text = rounding.difference(box, value)
        if text:
            yield f"output {place}: {text}"
    rounding = Rounding(built.whole, run)
    for parameter in built.updates:
        text = built.wrong_update(run, arrays, rounding, parameter, parameter.value[()])
        if text:
            yield f"new {parameter.name}: {text}"


def _changed_since(results: list[tuple[Any, Any]]) -> Iterator[str]:
    """The calls whose results are no longer what they were when the plan gave them."""
    for number, (found, kept) in enumerate(results):
        for one, other in zip(found, kept, strict=True):
            if disagreement(one, other, ()):
                yield f"the result of call {number + 1} has changed since"


def default_plan(built: Built, rng: np.random.Generator) -> Path:
    """All passes."""
    return (yield from plan(built, rng))


def bare_plan(built: Built, rng: np.random.Generator) -> Path:
    """No pass."""
    return (yield from plan(built, rng, PASSES))


def plan_without_one(built: Built, rng: np.random.Generator) -> Path:
    """All passes but one."""
    return (yield from _without(built, rng, (str(rng.choice(PASSES)),)))


def plan_without_some(built: Built, rng: np.random.Generator) -> Path:
    """Some passes, drawn at random."""
    return (yield from _without(built, rng, tuple(one for one in PASSES if rng.random() < 0.5)))


def _without(built: Built, rng: np.random.Generator, off: tuple[str, ...]) -> Path:
    for text in plan(built, rng, off):
        yield f"without {','.join(off)}: {text}"
    return None


@contextlib.contextmanager
def _changed(changes: Mapping[tuple[Any, str], Any]) -> Iterator[None]:
    before = {key: getattr(*key) for key in changes}
    for (module, name), value in changes.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)


SMALL = {
    (products, "LARGE"): 8,
    (sparse_rows, "SMALLEST"): 0, (sparse_rows, "FEWER"): 0,
}  # fmt: skip
"""Sizes from which plans take other ways, made so small that small arrays take them."""


def plan_of_large(built: Built, rng: np.random.Generator) -> Path:
    """What plans do to large arrays, done to small ones."""
    with _changed(SMALL):
        return (yield from plan(built, rng))


def plan_sharded(built: Built, rng: np.random.Generator) -> Path:
    """A plan that computes all it can in shards of the batch, two of them or three, in threads."""
    split: list[bool] = []

    def shard_and_note(graph: Any, given: Any, leaves: Any, threads: int) -> Any:
        found = shards.shard_graph(graph, given, leaves, threads)
        split.append(found is not graph)
        return found

    threads = str(rng.integers(2, 4))
    with (
        _changed({(numpy_emitter, "shard_graph"): shard_and_note}),
        mock.patch.dict(os.environ, FLOWGRAPH_THREADS=threads),
    ):
        compared = yield from plan(built, rng)
    return compared if any(split) else SKIPPED


IN_PYTHON = {(compiling, "compiled_kernel"): kernel_in_python}
"""Python runs what Numba would compile."""

IN_KERNELS = {
    (emitter, "LARGEST"): 0, (emitter, "FEWEST"): 1, (emitter, "LONG"): 0,
    (sparse_rows, "SMALLEST"): 0, (sparse_rows, "FEWER"): 0,
}  # fmt: skip
"""No graph is taken whole, and kernels are made of the smallest groups of lines."""


def interpreted(built: Built, rng: np.random.Generator) -> Path:
    """The native plan, its source run by Python."""
    with _changed(IN_PYTHON):
        return (yield from plan(built, rng, backend="numba"))


def native(built: Built, rng: np.random.Generator) -> Path:
    """The native plan, compiled by Numba."""
    return (yield from plan(built, rng, backend="numba"))


def kernels_in_python(built: Built, rng: np.random.Generator) -> Path:
    """NumPy's plan with kernels, run by Python."""
    with _changed({**IN_PYTHON, **IN_KERNELS}):
        return (yield from plan(built, rng, backend="numba"))


def kernels(built: Built, rng: np.random.Generator) -> Path:
    """NumPy's plan with kernels, compiled by Numba."""
    with _changed(IN_KERNELS):
        return (yield from plan(built, rng, backend="numba"))


def jax(built: Built, rng: np.random.Generator) -> Path:
    """The plan that JAX compiles; a program with a box that it refuses by name is not compared."""
    if any(map(_has_subnormals, built.case.arrays.values())):
        return SKIPPED
    with importlib.import_module("jax").enable_x64(True):
        path = plan(built, rng, backend="jax")
        while True:
            try:
                what = next(path)
            except StopIteration as end:
                return end.value
            except PlanError as error:
                if "JAX" not in str(error):
                    raise
                return SKIPPED
            if "plan: UnsupportedError" in what and "JAX" in what:
                return SKIPPED
            if not _is_flushed(what):
                yield what


def _has_subnormals(array: Any) -> bool:
    """Whether XLA would take some numbers for 0."""
    if array.dtype.kind not in "fc":
        return False
    sizes = np.abs(np.asarray(array, array.dtype))
    return bool(((sizes > 0) & (sizes < np.finfo(array.dtype).tiny)).any())


def _is_flushed(what: str) -> bool:
    """Whether a difference is of numbers below the smallest normal one, which XLA makes zeros."""
    found = re.search(r"found np\.float(\d+)\(-?0\.0\), needs np\.float\d+\((.*?)\)", what)
    return found is not None and abs(float(found[2])) < 4 * np.finfo(f"f{int(found[1]) // 8}").tiny


BATCHES = (0, 1, 2, 7)


def javascript(built: Built, rng: np.random.Generator) -> Path:
    """The module of JavaScript, run by Node.js; a program with a box that it refuses by name is not compared."""
    if node_program() is None:
        return SKIPPED
    try:
        fg.compile(list(built.kept), built.updates, backend="javascript").source  # noqa: B018  (it is written here)
    except PlanError as error:
        if "compile(backend=" not in str(error):
            raise
        return SKIPPED
    batches = BATCHES if any(leaf.named for leaf in built.case.leaves) and rng.random() < 0.5 else (None,)
    return (yield from plan(built, rng, batches=batches, backend="javascript"))
