"""Calls of the code under test, counted, with exceptions caught and the random state restored; and one set of inputs.

A point is a legal set of inputs: its value, slopes along directions, and what bprop says there.
"""

from __future__ import annotations

import copy
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.code_contents import GLOBAL, RANDOM_SOURCES, random_states, restore
from flowgraph.checking.difference import Slopes, Stencil
from flowgraph.checking.target import Array, Inputs, Target

NUMBERS = (np.ndarray, np.generic, float, int)
ANSWERS = "FLOWGRAPH_ANSWERS"  # the file for them
BYTES = 8  # of a digest: two answers of a million have the same with a chance of 1e-8
LATE = 1.1  # times the seconds: what is at work then may not end by itself
OWN = 20_317  # any number that nobody seeds with
PATIENCE = 20.0  # times longer by the clock on the wall, where code waits or the machine is given to others
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

    def processor(self) -> float:
        """Seconds of the processor, which counts each thread."""
        return time.process_time() - self._processor

    def seconds(self) -> float:
        """Seconds of the processor as a limit counts them: never more than on the wall, nor much less."""
        wall = time.perf_counter() - self._wall
        if wall > self._next:
            self._read = max(min(self.processor(), wall), wall / PATIENCE)
            after = self.wall()
            self._next = after + max(FRESH, SPARING * (after - wall))
        return self._read


class Illegal(Exception):
    """fprop raised, or gave a value that is not finite: the inputs are outside the domain."""


class Exited(Exception):
    """The code under test called sys.exit, which must not end the check."""


class OutOfTime(BaseException):
    """The seconds are used up. No Exception, since whatever the code under test raises is caught as one."""


UNIT = 2.0**-53  # rounding of float64

Tangent: TypeAlias = Callable[[Array, Array], Array]  # of an input and a direction: the part within its structure


@dataclass(frozen=True)
class Measured:
    """What is measured at the example before anything is compared: bars, directions and exemptions follow from it.

    Parameters
    ----------
    slope : float, default 0.0
        The largest at the example; 0, as below, where nothing has been measured.
    size : float, default 0.0
        Of the largest output there.
    unit : float
        Rounding of the type that fprop computes in, whatever type it returns.
    answers : float
        Rounding of the type that bprop computes in.
    precision : float, default 0.0
        Of the gradients, relative to each of them; 0 where it is not known.
    tangents : mapping of int to function
        Directions within the structure of an input, of those that fprop refuses to leave.
    """

    slope: float = 0.0
    size: float = 0.0
    unit: float = UNIT
    answers: float = UNIT
    precision: float = 0.0
    tangents: Mapping[int, Tangent] = field(default_factory=dict)


class Runner:
    """Runs one target. `budget` bounds the calls of fprop, `seconds` is the safety net of a slow one.

    A mismatch below `digits` of a slope is a warning.
    """

    def __init__(self, target: Target, budget: int, seconds: float, digits: float = 0.0) -> None:
        self.target = target
        self._bprop = _record_calls(target.name, target.bprop)
        self.budget = budget
        self.most_calls: float = budget
        self.evaluations = 0
        self.settling = 0  # those among them that looked at what looks wrong, which the budget does not count
        self.bprop_calls = 0
        self.watch = Stopwatch()
        self.seconds = seconds
        self.deadline = LATE * seconds
        self.shields = False  # give copies, where fprop or bprop is known to write into its arguments
        self.digits = digits
        self.jump = 0.0  # the largest of the value that has been seen
        self.measured = Measured()
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

    def elapsed_seconds(self) -> float:
        """Seconds of the processor since the start."""
        return self.watch.seconds()

    def share_used(self) -> float:
        """The share of the budget that is spent."""
        return max((self.evaluations - self.settling) / self.budget, self.elapsed_seconds() / self.seconds)

    @contextmanager
    def settles(self, seconds: float) -> Iterator[None]:
        """With so many seconds more, and without an end by calls: what looks wrong is looked at, whatever is left."""
        began, deadline, most_calls = self.evaluations, self.deadline, self.most_calls
        self.deadline, self.most_calls = deadline + seconds, float("inf")
        try:
            yield
        finally:
            spent = self.evaluations - began
            self.deadline, self.most_calls = deadline, most_calls + spent
            self.settling += spent

    def saw_jump(self, size: float) -> None:
        """The value jumps by so much somewhere, as of an iteration that takes one turn more."""
        self.jump = max(self.jump, size)

    def in_time(self) -> None:
        """End the examination at its deadline, a safeguard for phases that do not check the time themselves."""
        if self.elapsed_seconds() > self.deadline:
            raise OutOfTime

    def explain_for(self, seconds: float) -> None:
        """What was found is explained in seconds of its own."""
        self.deadline, self.most_calls = self.elapsed_seconds() + seconds, float("inf")

    def fprop(self, inputs: Inputs) -> Value:
        """One evaluation, counted, with the random state of the first; the examination ends where calls are used up."""
        self.in_time()
        if self.evaluations >= self.most_calls:
            raise OutOfTime
        self.evaluations += 1
        if self._states:
            self.restore_random_state()
        return _call(self.target.fprop, *self._own(inputs))

    def bprop(self, grad: Value, output: Value, inputs: Inputs) -> Value:
        """One call of bprop, counted."""
        self.in_time()
        self.bprop_calls += 1
        if self.shields:
            grad, output = copy.deepcopy((grad, output))
        return _call(self._bprop, grad, output, *self._own(inputs))

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


def _record_calls(name: str, bprop: Callable[..., Any]) -> Callable[..., Any]:
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
        return [_plain(part) for part in value]
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic | float) else np.zeros(0, object)
    if array.dtype.kind in "fc":
        array = array + array.dtype.type(0)
    numbers = array.dtype.kind in "fciub"
    return (array.shape, str(array.dtype), array.tobytes()) if numbers else (type(value).__name__, repr(value))


def parts(output: Value) -> tuple[Any, ...]:
    """The arrays of an output: itself, or the members of a tuple."""
    return tuple(output) if isinstance(output, tuple | list) else (output,)


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


NARROW = 1e-10  # the unit of a type in which steps that tell kinks apart say nothing
HALF = 1e-4  # a unit of half precision is larger
MANY_OUTPUTS = 4096  # beyond, a table of slopes at forty steps fills more than a megabyte
SUMS = 8  # random sums of signs, each of which has every output in it

Direction = dict[int, Array]


@dataclass
class Point:
    """Inputs at which fprop is finite. `output` is the raw value, `value` its elements (or sums of very many)."""

    runner: Runner
    inputs: Inputs
    test_case: str
    active: tuple[int, ...]
    output: Any = None
    value: Array = field(default_factory=lambda: np.zeros(0))
    projection: Array | None = None
    seconds: float = 0.0  # that fprop took
    noises: dict[int, tuple[Direction, Array]] = field(default_factory=dict)  # by id, kept with what bears the id
    _scales: dict[int, Array] = field(default_factory=dict)
    _stencils: dict[int, tuple[Direction, Stencil]] = field(default_factory=dict)

    @classmethod
    def at(cls, runner: Runner, inputs: Inputs, test_case: str, active: tuple[int, ...]) -> Point:
        """Raises Illegal outside the domain."""
        point = cls(runner, inputs, test_case, active)
        began = time.perf_counter()
        point.output = runner.legal(inputs)
        point.seconds = time.perf_counter() - began
        flat = flatten(point.output)
        if flat.size > MANY_OUTPUTS:
            point.projection = _signs(flat.size).astype(flat.dtype, copy=False)
        point.value = point.project(flat)
        return point

    def slower_than(self, seconds: float) -> bool:
        """Whether fprop takes longer on the processor: a clock on the wall, cheaper to read, counts what others do."""
        if self.seconds > seconds:
            watch = Stopwatch()
            with suppress(Illegal):
                self.runner.legal(self.inputs)
            self.seconds = min(self.seconds, watch.seconds())
            self.runner.evaluations -= 1  # the report is the same on a busy machine
        return self.seconds > seconds

    def project(self, flat: Array) -> Array:
        """The part of a flat value that is compared."""
        return flat if self.projection is None else self.projection @ flat

    def move_along(self, direction: Direction, h: float) -> Inputs:
        """The inputs at x + h d."""
        inputs = list(self.inputs)
        for i, d in direction.items():
            x = inputs[i]
            inputs[i] = float(x + h * float(d)) if type(x) is float else x + h * d
        return tuple(inputs)

    def change_inputs(self, change: Callable[[int, Array], Any], chosen: Sequence[int] | None = None) -> Inputs:
        """The inputs with `change(i, x)` for each differentiated one, or those that are chosen; a float stays one."""
        inputs = list(self.inputs)
        for i in self.active if chosen is None else chosen:
            own = np.asarray(inputs[i])
            made = change(i, own)
            inputs[i] = float(made) if type(inputs[i]) is float else np.asarray(made, dtype=own.dtype)
        return tuple(inputs)

    def beside(self, inputs: Inputs) -> Point | None:
        """The point at other inputs; None outside the domain, and where the value has another form."""
        try:
            near = Point.at(self.runner, inputs, self.test_case, self.active)
        except Illegal:
            return None
        return near if near.value.shape == self.value.shape else None

    def along(self, direction: Direction, h: float) -> Array | None:
        """F(x + h d), None where that is outside the domain."""
        try:
            flat = flatten(self.runner.legal(self.move_along(direction, h)))
        except Illegal:
            return None
        return self.of_this_form(flat)

    def of_this_form(self, flat: Array) -> Array | None:
        """The elements of an output, or their sums, None where they are not as many as here."""
        moved = self.project(flat) if flat.size != self.value.size or self.projection is not None else flat
        return moved if moved.shape == self.value.shape else None

    def stencil(self, direction: Direction) -> Stencil:
        """The same one whenever the same direction is asked for: what settles a mismatch looks at it many times."""
        if id(direction) not in self._stencils:
            made = Stencil(lambda h: self.along(direction, h), self.value)
            self._stencils[id(direction)] = (direction, made)
        return self._stencils[id(direction)][1]

    def rounding(self) -> Array:
        """What rounding does to F if it is computed well: a few units in the last place."""
        size = np.abs(self.value)
        return np.asarray(4 * self.runner.measured.unit * (size + 1e-3 * (size.max() if size.size else 0.0)) + 1e-300)

    def slopes(self, direction: Direction, depth: int = 4) -> Slopes | None:
        """The slopes of the value along a direction, by more steps where not both sides are legal."""
        stencil = self.stencil(direction)
        stencil.extend(depth)
        slopes = stencil.slopes(self.rounding())
        if slopes is None or slopes.one_sided:
            stencil.extend(depth + 5)
            slopes = stencil.slopes(self.rounding())
        return slopes

    def _of_others(self) -> float:
        """The step scale for an input of zeros: min(1, typical size of the other inputs)."""
        sizes = [np.abs(x[x != 0]) for x in (np.asarray(self.inputs[i], dtype=np.float64) for i in self.active)]
        return min([1.0, *(float(np.median(size)) for size in sizes if size.size)])

    def arriving(self, grad: Array) -> Any:
        """An incoming gradient, given per element of `value`, in the structure of the output."""
        return unflatten(grad if self.projection is None else grad @ self.projection, self.output)

    def size(self, i: int) -> int:
        """The number of elements of an input."""
        return int(np.size(self.inputs[i]))

    def scales(self, i: int) -> Array:
        """How far each element may be moved: its own size, the median where it is 0, so that no stencil crosses 0."""
        if i not in self._scales:
            size = np.abs(np.asarray(self.inputs[i], dtype=np.float64))
            present = size[size > 0]
            if present.size < size.size:
                size = np.where(size > 0, size, float(np.median(present)) if present.size else self._of_others())
            size.setflags(write=False)
            self._scales[i] = size
        return self._scales[i]


@lru_cache(maxsize=4)
def _signs(count: int) -> Array:
    """Random sums of very many outputs: 1 and -1 as weights."""
    return 2.0 * np.random.default_rng(count).integers(0, 2, (SUMS, count)) - 1.0


def analytic_slope(gradients: list[Array | None], direction: Direction, active: tuple[int, ...]) -> tuple[float, float]:
    """⟨gradient, direction⟩ and the sum of the sizes of its terms."""
    total, size = 0.0, 0.0
    for i, d in direction.items():
        g = gradients[active.index(i)]
        if g is not None:
            terms = np.asarray(g) * d
            total += float(terms.sum())
            size += float(np.abs(terms).sum())
    return total, size


def directions_for(
    point: Point, rng: np.random.Generator, coordinates: int, most: int | None = None
) -> list[Direction]:
    """Directions: all elements at once, which reveals double counting at ties; random per input; single elements.

    By `most` inputs, any of them, where there are more: the first direction moves all.
    """
    alone = point.active
    if most is not None and len(alone) > most:
        alone = tuple(alone[k] for k in sorted(rng.permutation(len(alone))[:most]))
    dense = {i: within(point, i, np.abs(random_direction(point, i, rng))) for i in point.active if point.size(i)}
    chosen: list[Direction] = [dense]
    chosen += [{i: random_direction(point, i, rng)} for i in alone if point.size(i)]
    chosen = [direction for direction in chosen if direction]
    total = [i for i in point.active for _ in range(point.size(i))]
    if len(total) > 1:
        picks = rng.permutation(len(total))[:coordinates]
        starts = {i: total.index(i) for i in set(total)}
        chosen += [coordinate(point, total[p], int(p) - starts[total[p]]) for p in picks]
    return chosen


def random_direction(point: Point, i: int, rng: np.random.Generator) -> Array:
    """A random direction by one input, of its scale, within its structure."""
    scales = point.scales(i)
    d = scales * rng.uniform(0.5, 1.5, scales.shape) * rng.choice([-1.0, 1.0], scales.shape)
    return within(point, i, np.asarray(d))


def within(point: Point, i: int, d: Array) -> Array:
    """A direction that stays within the structure that fprop insists on."""
    tangent = point.runner.measured.tangents.get(i)
    return d if tangent is None or d.ndim == 0 else tangent(np.asarray(point.inputs[i]), d)


def coordinate(point: Point, i: int, element: int) -> Direction:
    """The direction along one element of an input, within its structure."""
    scales = point.scales(i)
    d = np.zeros(scales.size)
    d[element] = scales.ravel()[element]
    return {i: within(point, i, d.reshape(scales.shape))}


def grads_for(point: Point, rng: np.random.Generator, single: int) -> list[Array]:
    """Incoming gradients: random, and single outputs."""
    count = point.value.size
    chosen: list[Array] = [rng.normal(size=count)]
    if count > 1:
        for k in rng.permutation(count)[:single]:
            grad = np.zeros(count)
            grad[k] = rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 2.0)
            chosen.append(grad)
    return chosen
