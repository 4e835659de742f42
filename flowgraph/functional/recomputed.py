"""`checkpoint`: a function whose intermediate values are not kept, and are computed again for the backward pass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph import loops
from flowgraph.box import Box, Value
from flowgraph.box.leaves import Argument
from flowgraph.box.node import current
from flowgraph.box.tape import Tape, run_trace
from flowgraph.derivatives.tape_sweep import sweep_on_boxes, sweep_tape
from flowgraph.errors import UsageError
from flowgraph.functional.arguments import call_function, name_of
from flowgraph.graph.passes import add_gradient
from flowgraph.graph.steps import separate_box
from flowgraph.loops.containers import arrays_of, flatten, rebuild
from flowgraph.shapes.spec import Spec

Function = Callable[..., Any]


def checkpoint(f: Function) -> Checkpointed:
    """A function whose intermediate values are not kept for the backward pass, which computes them again.

    It saves memory for time: of `f` only arguments and result stay. `f` is called again for its derivative, and has to
    give the same in both calls: what it reads beside its arguments must not change in between, which is refused.
    `fg.Random` and `fg.dropout` draw the same in both; other draws are arguments. Boxes of the function around may be
    read in it, as in `jax.checkpoint`, and are differentiated by.

    Parameters
    ----------
    f : function
        Written in NumPy.

    Returns
    -------
    Checkpointed
        A function that is called as `f` is.

    Raises
    ------
    UsageError
        By the derivative, if `f` gives another value when it is called again.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.functional import checkpoint, grad
    >>> layer = checkpoint(lambda x: np.tanh(np.tanh(x)))
    >>> grad(lambda x: np.sum(layer(layer(x))))(np.zeros(2))
    array([1., 1.])
    """
    return Checkpointed(f)


class Checkpointed:
    """A function that is called again for its derivative; it is made by `checkpoint`."""

    def __init__(self, f: Function) -> None:
        if not callable(f):
            raise UsageError(f"checkpoint: found a {type(f).__name__}, needs a function")
        functools.update_wrapper(self, f, updated=())
        self.function = f

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The value on arrays; on boxes, a box, which stands for all that the function builds."""
        tape = current()
        leaves: list[Any] = []
        structure = flatten((args, keywords), leaves)
        if tape is None and not any(isinstance(leaf, Box) for leaf in leaves):
            return self.function(*args, **keywords)
        if tape is None or not tape.at_once or any(isinstance(x, Box) and tape.value_of(x) is None for x in leaves):
            return loops.checkpoint(self.function)(*args, **keywords)
        call = _Call(self.function, structure, leaves, tape)
        if not call.children:
            return call.result(call.values)
        box = RecomputedCall(*call.children, call=call)
        return call.result([box] if len(call.values) == 1 else list(box))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<checkpoint of {name_of(self.function)}>"


class _Again(Tape):
    """The tape of a part of a call, on which boxes of the call around stand for what they are there.

    What is borrowed is an argument of the part: the gradient that arrives at it is sent on by the box of the part.
    """

    def __init__(self, around: Tape, seed: Any) -> None:
        super().__init__(seed, around.checks)
        self.around = around

    def read_foreign(self, box: Any) -> Any:
        """The value that a box has in the call around."""
        if box in self.borrowed:
            return self.borrowed[box].__dict__["computed"]
        value = self.around.value_of(box)
        if self.around.is_differentiated(box) and type(value) is not tuple:
            self.borrow(box, value)
        return value

    def borrow(self, box: Any, value: Any) -> None:
        """Let an argument with this value stand for a box of the call around."""
        self.borrowed[box] = _argument(box, value, self.needed)


class _Call:
    """One call of a function: its arguments, what it reads of the call around it, its draws, and the values it gave."""

    def __init__(self, function: Function, structure: Any, leaves: Sequence[Any], tape: Tape) -> None:
        self.function, self._structure, self._leaves, self._tape = function, structure, leaves, tape
        self._seed = tape.next_seed()
        self._places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Box) and tape.is_differentiated(leaf)]
        again = _Again(tape, self._seed)
        returned = self._run(again, self._arguments(again, [tape.value_of(leaves[i]) for i in self._places]))
        results: list[Any] = []
        self._returned = flatten(returned, results)
        self.values = [_value(again, result) for result in results]
        self.specs = [Spec(value.shape, value.dtype) for value in self.values]
        self._borrowed = list(again.borrowed)
        self.children = [*[leaves[i] for i in self._places], *self._borrowed]

    def result(self, parts: Sequence[Any]) -> Any:
        """What the function returned, with these in place of its arrays."""
        return rebuild(self._returned, iter(parts))

    def gradients(self, grad: Value, value: Value, children: Sequence[Any]) -> list[Any]:
        """The gradients of the children, by a second call of the function, in numbers."""
        again = _Again(self._tape, self._seed)
        count = len(self._places)
        for box, lent in zip(self._borrowed, children[count:], strict=True):
            again.borrow(box, lent)
        arguments = self._arguments(again, children[:count])
        results = arrays_of(self._run(again, arguments))
        self._compare(again, results, value)
        wrt = [*[arguments[i] for i in self._places], *again.borrowed.values()]
        return sweep_tape(again, self._seeds(again, results, grad), wrt)

    def gradients_on_boxes(self, grad: Value, value: Value, children: Sequence[Any]) -> list[Any]:
        """The same as boxes: the function is called on those of the call, and what it builds is differentiated."""
        tape: Any = current()
        count = len(self._places)
        arguments = list(self._leaves)
        for i, child in zip(self._places, children[:count], strict=True):
            arguments[i] = separate_box(child)
            tape.differentiate_by(arguments[i])
        start = len(tape.recorded)
        args, keywords = rebuild(self._structure, iter(arguments))
        with tape.draw_from_seed(self._seed):
            results = arrays_of(call_function(self.function, args, keywords))
        wrt = [*[arguments[i] for i in self._places], *children[count:]]
        return sweep_on_boxes(tape, self._seeds(tape, results, grad), wrt, start)

    def _arguments(self, again: Tape, values: Sequence[Any]) -> list[Any]:
        """The leaves of the arguments, those that are differentiated by as boxes of the second call."""
        leaves = list(self._leaves)
        for i, value in zip(self._places, values, strict=True):
            leaves[i] = _argument(self._leaves[i], value, again.needed)
        return leaves

    def _run(self, again: Tape, leaves: Sequence[Any]) -> Any:
        args, keywords = rebuild(self._structure, iter(leaves))
        with run_trace(again):
            return call_function(self.function, args, keywords)

    def _seeds(self, tape: Tape, results: Sequence[Any], grad: Value) -> dict[Any, Any]:
        """What arrives at each result that depends on an argument."""
        parts: Any = grad if isinstance(grad, tuple) else (grad,)
        seeds: dict[Any, Any] = {}
        for result, part in zip(results, parts, strict=True):
            if part is None or not isinstance(result, Box):
                continue
            tape.value_of(result)  # what another thread built is recorded where it is read
            if tape.is_differentiated(result):
                add_gradient(seeds, result, part)
        return seeds

    def _compare(self, again: Tape, results: Sequence[Any], value: Value) -> None:
        """Refuse another value than that of the first call, whose gradient it would not be."""
        first: Any = value if isinstance(value, tuple) else (value,)
        second = [_value(again, result) for result in results]
        same = len(first) == len(second) and len(again.borrowed) == len(self._borrowed)
        if same and all(_are_equal(a, b) for a, b in zip(first, second, strict=True)):
            return
        raise UsageError(
            f"checkpoint of {name_of(self.function)}: found another value where it is called again for its derivative; "
            f"needs a function of its arguments alone: give it as an argument what changes or is drawn"
        )


class RecomputedCall(Box):
    """The box of a call under `checkpoint`: it keeps arguments and results, and computes again what is between them.

    h = f(arguments)        the gradients are those of f, called again
    """

    call: Any

    symbol = "checkpoint"
    examples = None  # it is made by calls of a user's functions; tests/functional/test_recomputed.py tests it with such
    public = False
    calls_back = True

    @property
    def title(self) -> str:
        """The name of the function, as errors call it."""
        return f"checkpoint of {name_of(self.call.function)}"

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """Those of the values of the first call."""
        specs: list[Spec] = self.call.specs
        return specs[0] if len(specs) == 1 else specs

    def fprop(self, *arrays: Value) -> Value:
        """The values of the first call."""
        values = self.call.values
        return values[0] if len(values) == 1 else tuple(values)

    def bprop(self, grad: Value, h: Value, *arrays: Value) -> tuple[Value, ...]:
        """The gradients of the function, called again."""
        on_boxes = any(isinstance(array, Box) for array in arrays)
        parts = (self.call.gradients_on_boxes if on_boxes else self.call.gradients)(grad, h, arrays)
        return tuple([np.zeros_like(a) if part is None else part for part, a in zip(parts, arrays, strict=True)])


def _argument(box: Box, value: Any, mark: object) -> Argument:
    """What stands for a box of the call around in a part of it, under its name and with its line."""
    return Argument.of_call(value, mark, box.__dict__["built_at"], lambda _: box.name or box.symbol, 0)


def _value(tape: Tape, result: Any) -> Any:
    return np.asarray(tape.value_of(result) if isinstance(result, Box) else result)[()]


def _are_equal(first: Any, second: Any) -> bool:
    """Whether two values differ by rounding at most."""
    if np.shape(first) != np.shape(second):
        return False
    return bool(np.allclose(first, second, rtol=1e-6, atol=1e-12, equal_nan=True))
