"""The paths from a program to its numbers, each held against NumPy or against the graph."""

from __future__ import annotations

import contextlib
import copy
import pathlib
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

import flowgraph as fg
from flowgraph.errors import PlanError
from flowgraph.plan import PASSES
from flowgraph.plan.numba import bind
from flowgraph.plan.numpy import tiling
from flowgraph.plan.passes import accumulation
from tests.fuzz.agreement import Rounding, disagreement
from tests.fuzz.built import SKIPPED, Built, Path
from tests.fuzz.case import Case
from tests.fuzz.drawing import with_new_values
from tests.plan.native_in_python import in_python

BATCHES = (0, 1, 2, 7)


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
            yield Difference("build", _error(error))
            return
        for name, path in (OWN if paths is None else paths).items():
            try:
                own = np.random.default_rng([*np.atleast_1d(seed), zlib.crc32(name.encode())])
                compared = yield from _named(name, path(built, own))
            except Exception as error:
                yield Difference(name, f"raised {_error(error)}")
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


def _error(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" in {pathlib.Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}: {str(error)[:300]}{place}"


def against_numpy(built: Built, rng: np.random.Generator, arrays: Mapping[str, Any] | None = None) -> Path:
    """The graph on these arrays gives what NumPy gives, or both raise."""
    case = built.case
    given = dict(case.arrays if arrays is None else {**case.arrays, **arrays})
    feeds = built.feeds(given, built.forward)
    run, error = _attempt(lambda: built.forward.fprop(feeds, seed=5))
    randoms = {name: np.array(run[box]) for name, box in built.leaves.items() if run and box in built.forward.randoms}
    needed, its_error = _attempt(lambda: case({**given, **randoms}))
    if run is None or needed is None:
        if "ZeroDivisionError" in its_error:
            return None  # NumPy refuses averages of nothing, which are NaN in a graph that serves every batch
        if (run is None) != (needed is None) and not (run is None and built.forward.randoms):
            yield f"graph: {error or 'a value'}; NumPy: {its_error or 'a value'}"
        return None
    rounding = Rounding(built.forward, run, case.exact)
    for name, box, value in zip(case.outputs, built.outputs, needed, strict=True):
        text = rounding.of_values(box, np.asarray(value)[()], run[box])
        if text:
            yield f"{name}: {text}"
    return None


def _attempt(call: Callable[[], Any]) -> tuple[Any, str]:
    try:
        return call(), ""
    except Exception as error:
        return None, _error(error)


def gradient_graph(built: Built, rng: np.random.Generator, arrays: Mapping[str, Any] | None = None) -> Path:
    """The gradient graph gives what bprop gives; both refuse or none."""
    if built.loss is None or not built.wrt:
        return SKIPPED
    given = built.case.arrays if arrays is None else arrays
    alone = fg.Graph(built.loss)
    run, error = _attempt(lambda: alone.fprop(built.feeds(given, alone), seed=5))
    wrt = {box for box in built.wrt if box in alone.slots}
    if run is None or not wrt:
        return SKIPPED
    grads, error = _attempt(lambda: run.bprop(wrt=list(wrt), unused="zeros"))
    if built.refused:
        if grads is not None:
            yield f"bprop: a value; gradient graph: {built.refused}"
        return None
    backward = fg.Graph(*built.grads, built.loss)  # from whose inputs random leaves learn the size of the batch
    values, its_error = _attempt(lambda: backward.fprop(built.feeds(given, backward), seed=5))
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
        if box.__dict__.keys() - keys - {"passes"} or (box.built_at, box.name) != (built_at, name):
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
            run, error = _attempt(lambda feeds=feeds, number=number: built.whole.fprop(feeds, seed=number))
            found, its_error = _attempt(lambda feeds=feeds, number=number: step(feeds, number))
            where = f"call {number + 1}" + ("" if batch is None else f", N = {batch}")
            if run is None or found is None:
                if (run is None) != (found is None):
                    yield f"{where}: graph: {error or 'a value'}; plan: {its_error or 'a value'}"
                return None
            rounding = Rounding(built.whole, run, built.case.exact and number == 0)  # new values are not so simple
            for place, (box, value) in enumerate(zip(built.kept, found, strict=True)):
                text = rounding.difference(box, value)
                if text:
                    yield f"{where}, output {place}: {text}"
            rounding = Rounding(built.whole, run)
            for parameter in built.updates:
                text = built.wrong_update(run, arrays, rounding, parameter, parameter.value[()])
                if text:
                    yield f"{where}, new {parameter.name}: {text}"
            results.append((found, copy.deepcopy(found)))
    for number, (found, kept) in enumerate(results):
        for one, other in zip(found, kept, strict=True):
            if disagreement(one, other, ()):
                yield f"the result of call {number + 1} has changed since"
    return None


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


SMALL = {(tiling, "LARGE"): 16, (tiling, "TILE"): 24, (tiling, "FOR_THREADS"): 1 << 30, (accumulation, "LARGE"): 8}
"""Sizes from which plans take other ways, made so small that small arrays take them."""


def plan_of_large(built: Built, rng: np.random.Generator) -> Path:
    """What plans do to large arrays, done to small ones."""
    with _changed(SMALL):
        return (yield from plan(built, rng))


def interpreted(built: Built, rng: np.random.Generator) -> Path:
    """The native plan, its source run by Python."""
    with _changed({(bind, "compiled"): in_python}):
        return (yield from plan(built, rng, backend="numba"))


def native(built: Built, rng: np.random.Generator) -> Path:
    """The native plan, compiled by Numba."""
    return (yield from plan(built, rng, backend="numba"))


def javascript(built: Built, rng: np.random.Generator) -> Path:
    """The module of JavaScript, run by Node.js; a program with a box that it refuses by name is not compared."""
    if shutil.which("node") is None:
        return SKIPPED
    try:
        fg.compile(list(built.kept), built.updates, backend="javascript").source  # noqa: B018  (it is written here)
    except PlanError as error:
        if "compile(backend=" not in str(error):
            raise
        return SKIPPED
    batches = BATCHES if any(leaf.named for leaf in built.case.leaves) and rng.random() < 0.5 else (None,)
    return (yield from plan(built, rng, batches=batches, backend="javascript"))


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
    run, error = _attempt(lambda: built.whole.fprop(feeds, seed=3))
    by_name = {built.whole.names[box]: array for box, array in feeds.items()}
    other, its_error = _attempt(lambda: again.fprop(by_name, seed=3))
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
    "native in Python": interpreted,
    "native": native,
    "javascript": javascript,
    "batches": batches,
    "loaded": loaded,
    "copied": copied,
}
