"""A program as boxes: its outputs, a loss, gradients, and a step of an update rule, ready for every path."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph.training.rule import at_rows, lookups_in
from tests.fuzz.agreement import Rounding, disagreement
from tests.fuzz.case import Case

Path = Generator[str, None, str | None]
"""Yields what differs; returns SKIPPED where the program is none for this path."""

SKIPPED = "skipped"
RATE = 0.125
NAMES = (
    'type', 'len', 'seed', 'prepare', 'keep', 'self', 'match', 'class', 'ﬁ', 'fi', 'lambda', '_x', 'add',
    'step', 'm1', 't1', 'np', 'None', 'copyto', 'rows', 'part', 'tiles', 'λ', 'x-1', '0', 'layer/W1',
    'float', 'out', 'new_x', 'range', 'addresses', 'product', 'W.T', "'", '"', '#', '{x}', '\\', 'x y',
)  # fmt: skip
"""Names that users give, and that a program which is written for them may not take for its own."""

SCOPES = (
    "layer1", "if", "λ", "{x}", "\\", "a # b", "a\n    raise ValueError", "a\rb", "a\x0cb", "a\u2028b", "'''", '"""',
)  # fmt: skip
"""Scopes that users give, or files of others; of each that is refused the program is built without."""


class Built:
    """The boxes of a program, and what is computed with them."""

    def __init__(self, case: Case, rng: np.random.Generator) -> None:
        self.case = case
        names: dict[str, str] = {}
        if rng.random() < 0.3:
            drawn = rng.choice(len(NAMES), len(case.leaves), replace=False)
            names = {leaf.name: NAMES[int(i)] for leaf, i in zip(case.leaves, drawn, strict=True)}
        self.leaves = case.boxes(names)
        with self._scope(rng):
            self.outputs = case(self.leaves)
        self.forward = fg.Graph(*self.outputs)
        self.loss = self._loss(rng)
        leaves = self.leaves.values()
        self.wrt = [box for box in leaves if box.dtype.kind in "fc" and isinstance(box, fg.Input | fg.Parameter)]
        self.refused = ""
        self.grads = self._gradients(self.wrt, 1.0)
        self.rate: Any = RATE
        if rng.random() < 0.5 and len({box.dtype for box in self.wrt}) == 1 and self.wrt[0].dtype.kind == "f":
            self.rate = fg.Input("rate", dtype=self.wrt[0].dtype)
        self.trained = [box for box in self.wrt if isinstance(box, fg.Parameter)] if self.grads else []
        self.rule = RULES[int(rng.integers(len(RULES)))]
        self.state: dict[Any, Any] = {}
        self.updates = self._new_values(dict(zip(self.wrt, self.grads, strict=False)), self.rate)
        self.at_seed = self._at_seed()
        self.kept = (*self.outputs, *([self.loss] if self.loss is not None else []), *self.grads)
        self.whole = fg.Graph(*self.kept, *self.updates.values())

    @contextlib.contextmanager
    def _scope(self, rng: np.random.Generator) -> Iterator[None]:
        """A scope around the program, now and then one that would be code where it is written as it stands."""
        name = SCOPES[int(rng.integers(len(SCOPES)))] if rng.random() < 0.2 else None
        with contextlib.ExitStack() as stack:
            if name is not None:
                with contextlib.suppress(fg.errors.UsageError):
                    stack.enter_context(fg.scope(name))
            yield

    def _loss(self, rng: np.random.Generator) -> Any:
        """A number that all real and complex outputs move, each by a factor of its own."""
        terms = []
        for box in self.outputs:
            if box.dtype.kind in "fc":
                real = np.real(box) if box.dtype.kind == "c" else box
                factor = float(rng.choice([1.0, -0.5, 2.0, 0.25]))
                terms.append(np.sum(real * real) if rng.random() < 0.3 else np.sum(factor * real))
        return sum(terms[1:], start=terms[0]) if terms else None

    def _gradients(self, wrt: list[Any], seed: Any) -> tuple[Any, ...]:
        if self.loss is None or not wrt:
            return ()
        try:
            arriving = np.full((), seed, self.loss.dtype) if isinstance(seed, float) else seed.astype(self.loss.dtype)
            return tuple(fg.gradients([self.loss], wrt, [arriving], unused="zeros"))
        except fg.FlowgraphError as error:
            self.refused = f"{type(error).__name__}: {error}"
            return ()

    def _new_values(self, grads: Mapping[Any, Any], rate: Any) -> dict[Any, Any]:
        """New values for the parameters and for what the rule remembers of them."""
        updates: dict[Any, Any] = {}
        for box in self.trained:
            step = (rate * grads[box]).astype(box.dtype) if rate is not None else -grads[box]
            for parameter, new in self.rule(self.state, box, step, grads[box]).items():
                updates[parameter] = new.astype(parameter.dtype)
        return updates

    def _at_seed(self) -> dict[Any, Any]:
        """The new values where the rate scales the seed of the backward pass, as plans may do."""
        if not self.trained:
            return {}
        seed = -self.rate
        moved = self._gradients(list(self.trained), seed)
        return self._new_values(dict(zip(self.trained, moved, strict=True)), None)

    def wrong_update(self, run: fg.Run, feeds: Any, rounding: Rounding, parameter: Any, found: Any) -> str | None:
        """How a new value differs, wherever the rate was applied; what is not finite may be infinite or NaN."""
        text = rounding.difference(self.updates[parameter], found)
        if text is None:
            return None
        needed = np.asarray(run[self.updates[parameter]])
        graph = fg.Graph(*self.at_seed.values())
        old = {p: run[p] for p in graph.parameters}
        other = graph.fprop({**self.feeds(feeds, graph), **old}, seed=run.seed)
        new = self.at_seed[parameter]
        either = np.where(_far(found, needed), other[new], needed)
        either = np.where(~np.isfinite(found) & ~np.isfinite(needed), found, either).astype(needed.dtype)
        if disagreement(found, either, ()) is None or Rounding(graph, other).of_values(new, either, found) is None:
            return None
        return text

    def feeds(self, arrays: Mapping[str, Any], graph: fg.Graph) -> dict[Any, Any]:
        """The arrays that a graph asks for, by box; `arrays` are by the variables of the program."""
        feeds = {box: arrays[name] for name, box in self.leaves.items() if name in arrays and box in graph.inputs}
        if isinstance(self.rate, fg.Box) and self.rate in graph.slots:
            feeds[self.rate] = self.rate.dtype.type(RATE)
        return feeds


def _far(found: Any, needed: Any) -> Any:
    """The elements of two arrays that are not near."""
    return ~np.isclose(found, needed, rtol=1e-3, atol=0, equal_nan=True)


def descent(state: dict[Any, Any], box: Any, step: Any, grad: Any) -> dict[Any, Any]:
    """Gradient descent."""
    return {box: box - step}


def decayed(state: dict[Any, Any], box: Any, step: Any, grad: Any) -> dict[Any, Any]:
    """Gradient descent, and the weights made smaller."""
    return {box: box - (step + 0.01 * box)}


def momentum(state: dict[Any, Any], box: Any, step: Any, grad: Any) -> dict[Any, Any]:
    """Gradient descent with momentum."""
    velocity = _remembered(state, box, "velocity")
    new = 0.75 * velocity - step
    return {velocity: new, box: box + new}


def adam(state: dict[Any, Any], box: Any, step: Any, grad: Any) -> dict[Any, Any]:
    """Steps by the mean gradient over the root of its mean square."""
    first, second = _remembered(state, box, "first"), _remembered(state, box, "second")
    mean, square = 0.9 * first + 0.1 * grad, 0.99 * second + 0.01 * (grad * grad)
    return {first: mean, second: square, box: box - RATE * mean / (np.sqrt(np.abs(square)) + 1e-3)}


def lazy(state: dict[Any, Any], box: Any, step: Any, grad: Any) -> dict[Any, Any]:
    """The same at the rows that are looked up alone, where nothing but rows is."""
    found = adam(state, box, step, grad)
    lookups = lookups_in(grad)
    return at_rows(found, lookups) if lookups.of_rows and not lookups.others else found


def _remembered(state: dict[Any, Any], box: Any, what: str) -> Any:
    if (box, what) not in state:
        state[box, what] = fg.Parameter(np.full(box.shape, 0.25, box.dtype), name=f"{box.name}/{what}")
    return state[box, what]


RULES: tuple[Callable[..., dict[Any, Any]], ...] = (descent, descent, decayed, momentum, adam, lazy)


def attempt(call: Callable[[], Any]) -> tuple[Any, str]:
    """What a call gives, or None and what it raises."""
    try:
        return call(), ""
    except Exception as error:
        return None, error_text(error)


def error_text(error: BaseException) -> str:
    """What was raised, and where."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" in {pathlib.Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}: {str(error)[:300]}{place}"
