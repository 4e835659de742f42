"""Calls of the code under test: counted, with exceptions caught and the random state restored before every fprop."""

from __future__ import annotations

import copy
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.code_contents import GLOBAL, RANDOM_SOURCES, random_states, restore
from flowgraph.checking.target import Array, Inputs, Target

NUMBERS = (np.ndarray, np.generic, float, int)
ANSWERS = "FLOWGRAPH_ANSWERS"  # the file for them
BYTES = 8  # of a digest: two answers of a million have the same with a chance of 1e-8
LATE = 1.1  # times the seconds: what is at work then may not end by itself
MOST_REFUSALS = 3  # in a row: what vmap refuses once it mostly refuses again, at the cost of a call
OWN = 20_317  # any number that nobody seeds with
PATIENCE = 10.0  # times longer by the clock on the wall, where code waits or the machine is given to others
FRESH = 0.02  # seconds for which a reading of the processor's clock will do: it can cost as much as many small calls
SPARING = 30  # times what the latest reading took
NOT_FINITE = "fprop is not finite"


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._processor = time.process_time()
        self._next = 0.0
        self._read = 0.0

    def wall(self) -> float:
        """Seconds by the clock on the wall."""
        return time.perf_counter() - self._wall

    def seconds(self) -> float:
        """Seconds of the processor, which counts each thread: never more than on the wall, nor much less."""
        wall = self.wall()
        if wall > self._next:
            self._read = max(min(time.process_time() - self._processor, wall), wall / PATIENCE)
            after = self.wall()
            self._next = after + max(FRESH, SPARING * (after - wall))
        return self._read


class Illegal(Exception):
    """fprop raised, or gave a value that is not finite: the inputs are outside the domain."""


class Exited(Exception):
    """The code under test called sys.exit, which must not end the check."""


class OutOfTime(BaseException):
    """The seconds are used up. No Exception, since whatever the code under test raises is caught as one."""


class Runner:
    """Runs one target. `budget` bounds the calls of fprop, `seconds` is the safety net of a slow one."""

    def __init__(self, target: Target, budget: int, seconds: float) -> None:
        self.target = target
        self._bprop = _recorded(target.name, target.bprop)
        self.budget = budget
        self.evaluations = 0
        self.bprop_calls = 0
        self.watch = Stopwatch()
        self.seconds = seconds
        self.deadline = LATE * seconds
        self.shields = False  # give copies, where fprop or bprop is known to write into its arguments
        self.unit = 2.0**-53  # of the type that fprop computes in, whatever type it returns
        self.least = 0.0  # the least number of that type that has all its digits
        self.slope = 0.0  # the largest at the example
        self.size = 0.0  # of the largest output there
        self.jump = 0.0  # the largest of the value that has been seen
        self.tangents: dict[int, Callable[[Array, Array], Array]] = {}
        self.many = target.many
        self.refusals = 0  # of `many`, in a row
        self._copies_inputs = any(isinstance(value, RANDOM_SOURCES) for value in target.inputs)
        functions = (target.fprop, target.bprop, *target.code)
        self._states = random_states(functions, lambda: _call(target.fprop, *copy.deepcopy(target.inputs)))
        globally = [source for source, _ in self._states if source in GLOBAL]
        self.drawn_from = "" if not globally else "np.random" if globally[0] is GLOBAL[0] else "random"

    def _own(self, inputs: Inputs) -> Inputs:
        """Copies of what the code must not change, or must not find changed."""
        if self.shields:
            inputs = tuple(x.copy(order="K") if isinstance(x, np.ndarray) else x for x in inputs)
        if self._copies_inputs:
            return tuple(copy.deepcopy(v) if isinstance(v, RANDOM_SOURCES) else v for v in inputs)
        return inputs

    def restore_random_state(self) -> None:
        """Set every source of randomness back to where it stood at the start."""
        for source, state in self._states:
            restore(source, state)

    @property
    def draws(self) -> bool:
        """Whether fprop uses a random state, so that its draws must be kept for bprop."""
        return bool(self._states)

    def elapsed(self) -> float:
        """Seconds of the processor since the start."""
        return self.watch.seconds()

    def used(self) -> float:
        """The share of the budget that is spent."""
        return max(self.evaluations / self.budget, self.elapsed() / self.seconds)

    def in_time(self) -> None:
        """End the examination at its deadline, a safeguard for phases that do not check the time themselves."""
        if self.elapsed() > self.deadline:
            raise OutOfTime

    def fprop(self, inputs: Inputs) -> Value:
        """One evaluation, counted, with the random state of the first."""
        self.in_time()
        self.evaluations += 1
        if self.draws:
            self.restore_random_state()
        return _call(self.target.fprop, *self._own(inputs))

    def batch(self, inputs: Inputs, stacks: dict[int, Array], known: Callable[[Array], Array | None]) -> Array | None:
        """The elements of the outputs for each row of the stacks by one call; None where that is not to be had.

        `known` gives the rows in the form in which they are compared, None if the first, which is the point itself, has
        not its known value: then nothing is believed.
        """
        if self.many is None or self.refusals >= MOST_REFUSALS or self.shields or self.draws:
            return None
        try:
            outputs = self.many(inputs, stacks)
            if outputs is None:
                return None
            found = known(_rows_of(outputs))
        except Exception:  # vmap refuses control flow that depends on values, and a row may be outside of the domain
            found = None
        self.refusals = 0 if found is not None else self.refusals + 1
        self.evaluations += 0 if found is None else len(found) - 1
        return found

    def bprop(self, grad: Value, output: Value, inputs: Inputs) -> Value:
        """One call of bprop, counted."""
        self.in_time()
        self.bprop_calls += 1
        if self.shields:
            grad, output = copy.deepcopy((grad, output))
        return _call(self._bprop, grad, output, *self._own(inputs))

    @property
    def is_plain(self) -> bool:
        """Whether fprop can be called as it is, with nothing to be put back, copied or asked before."""
        return not (self.shields or self._copies_inputs or self.target.valid is not None or self.draws)

    def outputs(self, inputs: Inputs, stacks: dict[int, Array], count: int) -> list[Any]:
        """The result of a plain fprop for each row of the stacks but the first; None if it raises or is no array."""
        function = self.target.fprop
        self.evaluations += count
        found: list[Any] = []
        row, floats = list(inputs), [i for i in stacks if type(inputs[i]) is float]
        for k in range(1, count + 1):
            for i, stack in stacks.items():
                row[i] = stack[k]
            for i in floats:
                row[i] = float(row[i])
            self.in_time()
            try:
                output = _call(function, *row)
            except Exception:
                output = None
            numbers = type(output) is np.ndarray or all(isinstance(part, NUMBERS) for part in parts(output))
            found.append(output if numbers else None)
        return found

    def legal(self, inputs: Inputs) -> Any:
        """The value of fprop, or Illegal."""
        if self.target.valid is not None and not self.accepts(inputs):
            raise Illegal("valid() refuses these inputs")
        try:
            output = self.fprop(inputs)
        except Exception as error:
            raise Illegal(f"fprop raised {type(error).__name__}: {error}") from error
        for part in parts(output):
            if not isinstance(part, NUMBERS):
                raise Illegal(f"fprop returned {type(part).__name__}")
            if not np.isfinite(part).all():
                raise Illegal(NOT_FINITE)
        return output

    def accepts(self, inputs: Inputs) -> bool:
        """Whether `valid` allows these inputs."""
        try:
            return self.target.valid is None or bool(np.all(_call(self.target.valid, *inputs)))
        except Exception:
            return False


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except SystemExit as error:
        raise Exited(f"SystemExit({error.code!r})") from error


def _recorded(name: str, bprop: Callable[..., Any]) -> Callable[..., Any]:
    """The same function; in `flowgraph mutate`, which tells equal mutants by it, each call writes its answer down."""
    place = os.environ.get(ANSWERS)
    if not place:
        return bprop

    def call(grad: Value, output: Value, *inputs: Value) -> Any:
        asked, said = digest((name, grad, inputs)), ""
        try:
            answer = bprop(grad, output, *inputs)
            said = digest(answer)
        except Exception as error:
            said = type(error).__name__
            raise
        finally:
            with open(place, "a", encoding="ascii") as file:
                file.write(f"{asked} {said}\n")
        return answer

    return call


def digest(value: Value) -> str:
    """A checksum: of arrays by shape, dtype and bytes, with -0.0 as 0.0; of other values by their repr."""
    return hashlib.blake2b(repr(_plain(value)).encode(), digest_size=BYTES).hexdigest()


def _plain(value: Value) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic | float) else np.zeros(0, object)
    if array.dtype.kind in "fc":
        array = array + array.dtype.type(0)
    numbers = array.dtype.kind in "fciub"
    return (array.shape, str(array.dtype), array.tobytes()) if numbers else (type(value).__name__, repr(value))


def parts(output: Value) -> tuple[Any, ...]:
    """The arrays of an output: itself, or the members of a tuple."""
    return tuple(output) if isinstance(output, tuple | list) else (output,)


def _rows_of(outputs: Sequence[Array]) -> Array:
    """One row of all elements for every row of the stacks, a complex one as two."""
    pieces = [np.ascontiguousarray(part).reshape(len(part), -1) for part in outputs]
    pieces = [piece.view(piece.real.dtype) if piece.dtype.kind == "c" else piece for piece in pieces]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)


def flatten(output: Value) -> Array:
    """All elements of an output as one fresh vector."""
    if type(output) is np.ndarray and output.dtype.kind == "f":
        return output.flatten()
    pieces = [np.asarray(part).ravel() for part in parts(output)]
    pieces = [p.view(p.real.dtype) if np.iscomplexobj(p) else p for p in map(np.ascontiguousarray, pieces)]
    pieces = [p if p.dtype.kind == "f" else p.astype(np.float64) for p in pieces]
    return np.concatenate(pieces) if len(pieces) > 1 else pieces[0].copy()


def unflatten(vector: Array, output: Value) -> Any:
    """A gradient in the structure, shapes and dtypes of an output."""
    grads, start = [], 0
    for part in parts(output):
        like = np.asarray(part)
        count = like.size * (2 if np.iscomplexobj(like) else 1)
        piece = vector[start : start + count]
        start += count
        if np.iscomplexobj(like):
            kind: Any = np.clongdouble if vector.dtype == np.longdouble else like.dtype
            piece = np.ascontiguousarray(piece, np.empty(0, kind).real.dtype).view(kind)
        elif like.dtype.kind == "f" and vector.dtype != np.longdouble:
            piece = piece.astype(like.dtype)
        piece = piece.reshape(like.shape).copy()
        grads.append(piece if isinstance(part, np.ndarray) else piece[()])
    return tuple(grads) if isinstance(output, tuple | list) else grads[0]


def generator(seed: int) -> np.random.Generator:
    """A generator that no `default_rng(0)` of a user repeats.

    Examples are often drawn like that, and an incoming gradient equal to the example sees nothing of a normalisation.
    """
    return np.random.default_rng([OWN, seed])
