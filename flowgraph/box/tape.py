"""The number of each box while a function is called: on the tape of a derivative at once, under `jit` none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

import numpy as np

from flowgraph.box.arrays import is_underflow, read_only
from flowgraph.box.node import FIXED, Node, current_scope, running, users_instruction
from flowgraph.box.random_draws import Seed, seed_of_run
from flowgraph.box.results import SETTLED, as_values, contradiction, refuse_failure, refuse_unlike, refuse_writing
from flowgraph.box.vocabulary import Value
from flowgraph.errors import UsageError
from flowgraph.shapes.spec import Spec

UNDER_JIT = "has no number in a function under jit, which is called once for all values"
"""Why a box is no number there, as errors say it."""

_DIFFERENTIABLE = frozenset("fc")
_NEEDED = 3
"""The rank of the mark of what the derivative of the call is taken by."""


class Examples(Protocol):
    """The examples over which `vmap` maps a function that is called once, on boxes of one example."""

    def over(self, outputs: Sequence[Any], /) -> list[Any]:
        """Each box over all examples, with one more axis in front; None for one that is the same for all."""


class Trace:
    """One call of a function on boxes.

    Random leaves are numbered as they are built, and draw from `seed`, or from that of the innermost derivative that
    has one. A trace that is `for_all` stands for the calls with all values, as under `functional.jit`: no box has a
    value in it, and no parameter is read. `refused` is the last error by which a box refused to be a number.
    One that does not `run` builds a graph, which draws when it is run. `each_call`, if any, is called in place of what
    builds the boxes of a function of NumPy: with that, the function, its method and its arguments. `examples` are those
    of the functions that `vmap` calls in it now, the inner last.
    """

    at_once = False
    runs = True
    each_call: Callable[..., Any] | None = None
    examples: Sequence[Examples] = ()
    refused: UsageError | None = None

    def __init__(self, seed: Seed = None, for_all: bool = False) -> None:
        self.randoms: dict[Any, tuple[Any, int]] = {}
        self.for_all = for_all
        self._seed = seed
        self._seeds: list[tuple[Any, Iterator[int]]] = []

    @property
    def seed(self) -> Any:
        """The seed of the call, drawn where it is first needed."""
        self._seed = seed_of_run(self._seed)
        return self._seed

    def note(self, leaf: Value) -> tuple[Any, int]:
        """The seed of a random leaf, None for that of the call, and its number among those of the same seed."""
        if leaf not in self.randoms:
            if self._seeds:
                seed, numbers = self._seeds[-1]
                self.randoms[leaf] = seed, next(numbers)
            else:
                self.randoms[leaf] = None, len(self.randoms)
        return self.randoms[leaf]

    @contextmanager
    def draw_from_seed(self, seed: Seed) -> Iterator[None]:
        """Let the random leaves that are built inside draw from a seed of their own, counted from 0."""
        self._seeds.append((seed, iter(range(1 << 62))))
        try:
            yield
        finally:
            self._seeds.pop()

    def value_of(self, box: Node) -> Any:
        """The value of a box, None where it has none."""
        return None

    def unknown(self, box: Node) -> Any:
        """The leaf that a box reads and that has no value in this call, if any."""
        return None

    def over_examples(self, box: Any) -> tuple[Any, int]:
        """A box of one example over all examples of the functions that are mapped, and how many axes it gets."""
        axes = 0
        for examples in reversed(self.examples):
            (over,) = examples.over([box])
            if over is not None:
                box, axes = over, axes + 1
        return box, axes


class GraphTrace(Trace):
    """The call of a function that is differentiated as a graph: nothing runs now, and no box has a value.

    In it a derivative by arrays is built of boxes too, as its function may read what is differentiated around it.
    """

    runs = False


class Tape(Trace):
    """A call of a function that is differentiated: each box that it builds computes its value when it is built.

    A box of the call keeps its value as `computed`, and bears a mark: `FIXED` where it depends on no argument, `free`
    where it does and carries no gradient (whole numbers, `stop_gradient`), `known` where a derivative inside of the
    call may ask for its gradient, and `needed` where that of the call does. What is known or needed is `recorded` with
    the values of its children and the places of those that are needed, children before parents: the backward pass goes
    over these entries.

    `checks` holds each value against what is inferred of its shape and dtype. `borrowed` has what stands here for a box
    of the call around this one, where this is a part of it that is computed again.
    """

    at_once = True

    def __init__(self, seed: Seed = None, checks: bool = False) -> None:
        super().__init__(seed)
        self.free, self.known, self.needed = object(), object(), object()
        self.recorded: list[tuple[Any, list[Any], list[int]]] = []
        self.checks = checks
        self.borrowed: dict[Any, Any] = {}
        self._by_examples: set[Any] = set()
        self._marks = (FIXED, self.free, self.known, self.needed)
        self._ranks = {mark: rank for rank, mark in enumerate(self._marks)}
        self._values: dict[Node, Any] = {}

    def compute(self, box: Any, children: Any) -> None:
        """Compute the value of a box that is being built, and record it: called for each box, it has to be fast.

        Where a child has no value, as in the body of a loop, shape and dtype are inferred as for any box.
        """
        state = box.__dict__
        state["built_at"] = built_at = users_instruction(3)
        for child in children:
            if not isinstance(child, Node):
                children = box._adopt_beside(children, built_at)
                break
        state["children"] = children
        values, places, highest, ranks = [], [], 0, self._ranks
        for place, child in enumerate(children):
            of_child = child.__dict__
            rank = ranks.get(of_child.get("mark"), -1)
            if rank < 0:
                value, rank = self._read_late(child)
                if value is None:
                    state["scope"] = current_scope()
                    box._infer()
                    return
                values.append(value)
            else:
                values.append(of_child["computed"])
            if rank > highest:
                highest = rank
            if rank == _NEEDED:
                places.append(place)
        if self.borrowed:
            state["children"] = tuple([self.borrowed.get(child, child) for child in children])
        self._keep(box, values, self._evaluate(box, values), self._marks[highest], places)

    def _read_late(self, child: Node) -> tuple[Any, int]:
        """The value of a child that was not built at once in this call, and the rank of its mark."""
        value = self.value_of(child)
        return value, self._ranks.get(self.borrowed.get(child, child).__dict__.get("mark"), 0)

    def _evaluate(self, box: Any, values: Sequence[Any]) -> Any:
        try:
            if box.infers_first:
                box._infer()
            value = box.fprop(*values) if box.built_in else box.fprop(*map(read_only, values))
        except Exception as error:
            value = self._evaluate_again(box, error, values)
        if type(value) not in SETTLED:
            value = as_values(value)
        if self.checks:
            self._check(box, value)
        return value

    def _evaluate_again(self, box: Any, error: Exception, values: Sequence[Any]) -> Any:
        """What fprop gives where it raised that a number underflows; else what inference says of the shapes."""
        if is_underflow(error):
            with np.errstate(under="ignore"):
                return box.fprop(*values)
        refuse_writing(box, "fprop", error)
        if not isinstance(error, FloatingPointError | Warning):
            box.__dict__.setdefault("scope", current_scope())
            with run_trace(None):
                box._infer()
            refuse_failure(error, box, f"in fprop of {box.title}, built at {box.built_at}")
        raise error

    def _check(self, box: Any, value: Any) -> None:
        """Hold a value against what is inferred from the children; a size that is known in a run only may be any."""
        with run_trace(None):
            box._infer()
        differs = contradiction(box, value, {})
        if differs is not None:
            refuse_unlike(box, *differs, {})

    def _keep(self, box: Any, values: list[Any], value: Any, mark: Any, places: list[int]) -> None:
        """Let a box have its value, of that shape and dtype, and record it where it carries a gradient."""
        state = box.__dict__
        state["computed"] = value
        if type(value) is tuple:
            state["outputs"] = tuple([Spec(part.shape, part.dtype) for part in value])
            differentiable = any(part.dtype.kind in _DIFFERENTIABLE for part in value)
        else:
            state.pop("outputs", None)  # what was inferred, in which a size may have no number
            state["shape"] = value.shape
            state["dtype"] = dtype = value.dtype
            differentiable = dtype.kind in _DIFFERENTIABLE
        if mark is self.needed or mark is self.known:
            if not differentiable:
                mark = self.free
            elif box.constant_children:
                mark, places = self._gradient_of(box)
            if mark is not self.free:
                self.recorded.append((box, values, places))
        state["mark"] = mark

    def _gradient_of(self, box: Any) -> tuple[Any, list[int]]:
        """The mark of a box with constant children, and the places of needed ones: of those that get a gradient.

        A derivative that exists and is not implemented counts as sent, and is refused when it is asked for.
        """
        ranks = [
            0 if never and name.partition("[")[0] not in box.not_implemented_children else rank
            for rank, name, never in zip(self._ranks_of(box), box.names_of_children(), box.constant, strict=True)
        ]
        return self._marks[max(1, *ranks)], _needed_places(ranks)

    def _ranks_of(self, box: Any) -> list[int]:
        return [self._ranks.get(child.__dict__.get("mark"), 0) for child in box.children]

    def value_of(self, box: Node) -> Any:
        """The value of a box, None where it has none; the one way in for what was not built at once in this call.

        Such are constants, parameters, random leaves, graphs from outside, and boxes that another thread or a copy
        made. What of these depends on an argument is computed and recorded here: its gradient would else be lost.
        """
        state = box.__dict__
        if "computed" in state:
            return state["computed"] if state["mark"] in self._ranks else self.read_foreign(box)
        if not box.children:
            return self._value_of_leaf(box)
        values = self._values
        if box in values:
            return values[box]
        stack: list[Any] = [box]
        while stack:
            top = stack[-1]
            if "computed" in top.__dict__ or top in values:
                stack.pop()
                continue
            below = [child for child in top.children if not self._is_read(child)]
            if below:
                stack.extend(below)
                continue
            given = [self.value_of(child) for child in top.children]
            if any(value is None for value in given):
                values[top] = None  # kept, so that one who builds on it goes no further down
            else:
                self._compute_late(top, given)
        return self.value_of(box)

    def read_foreign(self, box: Any) -> Any:
        """The value of a box of another call: refused, unless this call is a part of that one.

        Parameters
        ----------
        box : Box
            A box that bears the mark of another tape.

        Raises
        ------
        UsageError
            Always, on the tape of a call of its own.
        """
        refuse_stranger(box)

    def _is_read(self, box: Node) -> bool:
        return not box.children or "computed" in box.__dict__ or box in self._values

    def _compute_late(self, box: Any, values: list[Any]) -> None:
        """Compute a box that was built elsewhere; one that depends on no argument may belong to other calls too.

        What stands for an argument of another call is refused: as a number it would be lost to the gradient there.
        """
        if box.is_argument:
            refuse_stranger(box)
        value = self._evaluate(box, values)
        if self.borrowed:
            box.__dict__["children"] = tuple([self.borrowed.get(child, child) for child in box.children])
        ranks = self._ranks_of(box)
        if any(ranks):
            self._keep(box, values, value, self._marks[max(ranks)], _needed_places(ranks))
        else:
            self._values[box] = value

    def record_copy(self, box: Any) -> None:
        """Record a copy of a box of this call, under another name, which has the value of that box."""
        state = box.__dict__
        if self._ranks.get(state["mark"]):
            values, places = [self.value_of(child) for child in box.children], _needed_places(self._ranks_of(box))
            self._keep(box, values, state["computed"], state["mark"], places)

    def _value_of_leaf(self, leaf: Any) -> Any:
        """The value of a constant or a parameter, what a random leaf draws in this call; None for an input."""
        if leaf in self._values:
            return self._values[leaf]
        if "draw" in leaf.__dict__:
            seed, number = self.note(leaf)
            drawn = leaf.value_for(self.seed if seed is None else seed, number, {})
            self._values[leaf] = value = np.asarray(drawn)[()]
            return value
        value = leaf.value_before_run()
        return None if value is None else np.asarray(value)[()]

    def unknown(self, box: Node) -> Any:
        """The leaf that a box reads and that has no value in this call, if any."""
        leaves = (one for one in _not_computed(box) if not one.children)
        return next((leaf for leaf in leaves if self._value_of_leaf(leaf) is None), None)

    def next_seed(self) -> Any:
        """A seed of its own for a part of the call that is computed again, with the same draws."""
        seed, number = self.note(object())
        seed = self.seed if seed is None else seed
        return (*seed, number) if isinstance(seed, tuple) else (seed, number)

    def need_gradient(self, box: Node) -> None:
        """Let the derivative of the call be taken by a box, an argument of it."""
        box.__dict__["mark"] = self.needed

    def differentiate_by(self, box: Node) -> None:
        """Let a derivative inside of the call be taken by a box: what is computed from it later is recorded for it."""
        state = box.__dict__
        value = self.value_of(box)
        if value is None:
            self._by_examples.add(box)
            return
        if state.get("mark", FIXED) in (FIXED, self.free):
            state.update(computed=value, mark=self.known)
        state["since"] = len(self.recorded)

    def is_differentiated(self, box: Node) -> bool:
        """Whether a gradient may be asked for what is computed from a box that was read."""
        if "computed" not in box.__dict__ and self.examples:
            if any(one in self._by_examples for one in _not_computed(box)):
                return True
            box, _ = self.over_examples(box)
        return self._ranks.get(self.borrowed.get(box, box).__dict__.get("mark"), 0) > 1


def _not_computed(box: Node) -> Iterator[Node]:
    """A box and what it reads, each once, as far down as nothing was computed when it was built."""
    seen: set[Node] = set()
    stack = [box]
    while stack:
        top = stack.pop()
        if top not in seen and "computed" not in top.__dict__:
            seen.add(top)
            yield top
            stack += top.children


def _needed_places(ranks: Sequence[int]) -> list[int]:
    return [place for place, rank in enumerate(ranks) if rank == _NEEDED]


def refuse_stranger(leaf: Any) -> NoReturn:
    """Refuse an input that is no argument of this call, or a box that was computed in another one."""
    while leaf.is_argument and "mark" not in leaf.__dict__:
        leaf = leaf.children[0]
    if "mark" in leaf.__dict__:
        raise UsageError(
            f"{leaf.title}: found a box that the function has kept from another call, built at {leaf.built_at}, which "
            f"has no value here; keep nothing that is computed from the arguments, and give it as an argument"
        )
    raise UsageError(
        f"{leaf.title}, built at {leaf.built_at}: found an input from outside of the function, which has no value "
        f"here; give it as an argument, or differentiate the graph with fg.gradient"
    )


@contextmanager
def run_trace(trace: Trace | None) -> Iterator[None]:
    """Let boxes compute on this tape, or be built in this trace; of none, for a while."""
    token = running.set(trace)
    try:
        yield
    finally:
        running.reset(token)
