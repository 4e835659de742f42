"""A cache of traced graphs: a call is skipped while nothing that the function reads has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box, Constant, Value
from flowgraph.box.leaves import Parameter, Random
from flowgraph.box.random_draws import Seed, seed_of_run
from flowgraph.functional.generators import states
from flowgraph.functional.outside import Outside
from flowgraph.functional.program import Program

MOST = 128
"""Kinds of arguments of which a call is remembered."""

MOST_BYTES = 1 << 24
"""Bytes of arrays, made in the calls that are remembered, that may be kept."""

MOST_WAYS = 16
"""Ways through the function that are remembered for arguments of one kind."""

PATIENCE = 6
"""Calls that are looked at in a row, none of which needed not be made, before there is a pause."""

FIRST_PAUSE, LONGEST_PAUSE = 8, 1024
"""Calls that are made without a look at what the function reads; the pauses double."""


class Binding:
    """A cached call: its program, the captured values, and the answers that control flow read.

    It is `settled` once a second call has taken the same. A call that took something else, though nothing outside had
    changed, draws from a source that is not seen: such a function is called each time.
    """

    def __init__(
        self, program: Program, sources: Sequence[Box], values: Sequence[Any], said: Sequence[Any],
        numbers: dict[Random, tuple[Any, int]], read: Mapping[Any, Array],
    ) -> None:  # fmt: skip
        self.program = program
        self.settled = self.volatile = False
        self.said = list(said)
        self.read = dict(read)
        self._values = list(values)
        self._draws = [(i, box, numbers[box]) for i, box in enumerate(sources) if isinstance(box, Random)]
        self._parameters = [(i, box) for i, box in enumerate(sources) if isinstance(box, Parameter)]
        self._fixed = [i for i, box in enumerate(sources) if isinstance(box, Constant)]
        self.bytes = sum([self._values[i].nbytes for i in self._fixed if self._values[i].base is None])
        self.bytes += sum([len(one[2]) for one in said if isinstance(one, tuple)])

    def confirm(self, other: Binding) -> None:
        """Another call of the same program, with the same answers: whether it took the same."""
        if self.volatile:
            return
        if self.has_moved():
            self.settled, self.read, self._values = False, other.read, other._values
            return
        self.settled = all(_same(self._values[i], other._values[i]) for i in self._fixed)
        if not self.settled:
            self.volatile, self._values = True, []

    def has_moved(self) -> bool:
        """Whether a parameter has another value now than the function has read."""
        return any(parameter.current() is not array for parameter, array in self.read.items())

    def values(self, seed: Seed) -> Sequence[Any]:
        """The values that a call would capture now."""
        if not self._draws and not self._parameters:
            return self._values
        values = self._values.copy()
        for i, box in self._parameters:
            values[i] = box.current()[()]
        if self._draws:
            seed = seed_of_run(seed)
        for i, leaf, (own, number) in self._draws:
            values[i] = leaf.value_for(seed if own is None else own, number, {})[()]
        return values

    def fits(self, arrays: Sequence[Any], values: Sequence[Any]) -> bool:
        """Whether control flow would read the same answers; on another branch a box may have no value at all."""
        if not self.said:
            return True
        try:
            return self.program.answers(arrays, values) == self.said
        except Exception:
            return False


class Look(NamedTuple):
    """The state that a function reads, and that of its generators, before a call."""

    outside: Outside
    states: list[Any]


class Memory:
    """The cached results of calls of one function, with the state that the function read.

    A call is remembered when nothing that can be watched moved in it; a second one that took the same settles it.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self._f = f
        self._lock = threading.Lock()
        self._outside: Outside | None = None
        self._roots: tuple[Any, ...] = ()
        self._bindings: OrderedDict[Hashable, list[Binding]] = OrderedDict()
        self._first = self._only_reads = True
        self._skipped = self._looked = 0
        self._pause = FIRST_PAUSE
        self._bytes = 0

    def lends(self, array: np.ndarray[Any, Any]) -> bool:
        """Whether an array stays as it is while a call lasts: a large one that the function reads from outside."""
        outside = self._outside
        return self._only_reads and outside is not None and outside.lends(array)

    def look_at_copies(self, copied: Sequence[tuple[Array, Array]]) -> None:
        """See in the first call whether the function writes to arrays that it has read."""
        if self._outside is None and not all(np.array_equal(array, copy) for array, copy in copied):
            self._only_reads = False

    def find(
        self, key: Hashable, roots: Sequence[Any], arrays: Sequence[Any], seed: Seed
    ) -> tuple[Program, Sequence[Any]] | None:
        """A cached program for which the function need not be called, and its captured values."""
        if not self._bindings:
            return None
        try:
            bindings = self._bindings.get(key)
        except TypeError:  # an argument that is no array and cannot be hashed
            return None
        if not bindings or not self._is_fresh(roots):
            return None
        for binding in tuple(bindings):
            if binding.settled and not binding.has_moved():
                values = binding.values(seed)
                if binding.fits(arrays, values):
                    self._looked, self._pause = 0, FIRST_PAUSE
                    return binding.program, values
        return None

    def begin(self, roots: Sequence[Any]) -> Look | None:
        """Record the state that the function reads before a call; None where caching is not worth it."""
        if not self._lock.acquire(blocking=False):  # another thread looks: what is remembered only saves time
            return None
        try:
            if not self._is_worth_it():
                return None
            if not self._is_fresh(roots):
                self._bindings.clear()
                self._roots = tuple(roots)
                self._outside = Outside(self._f, *roots)
                self._bytes = 0
            outside = self._outside
            if outside is None or outside.blind:
                self._skipped = LONGEST_PAUSE
                return None
            return Look(outside, states(outside.generators))
        finally:
            self._lock.release()

    def end(self, key: Hashable, look: Look, binding: Binding) -> None:
        """Cache a call, unless the function changed what it reads, or a generator drew."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            outside = look.outside
            if self._outside is outside and outside.is_same() and states(outside.generators) == look.states:
                self._remember(key, binding)
        finally:
            self._lock.release()

    def _remember(self, key: Hashable, binding: Binding) -> None:
        try:
            bindings = self._bindings.setdefault(key, [])
        except TypeError:  # an argument that is no array and cannot be hashed
            return
        self._bindings.move_to_end(key)
        for known in bindings:
            if known.program is binding.program and known.said == binding.said:
                known.confirm(binding)
                return
        bindings.insert(0, binding)
        self._bytes += binding.bytes - sum([gone.bytes for gone in bindings[MOST_WAYS:]])
        del bindings[MOST_WAYS:]
        while len(self._bindings) > MOST or self._bytes > MOST_BYTES:
            _, oldest = self._bindings.popitem(last=False)
            self._bytes -= sum([gone.bytes for gone in oldest])

    def _is_worth_it(self) -> bool:
        """Not in the first call, which may be the only one; after several in vain, only now and then."""
        if self._first:
            self._first = False
            return False
        if self._skipped:
            self._skipped -= 1
            return False
        self._looked += 1
        if self._looked > PATIENCE:
            self._looked, self._skipped = 0, self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return True

    def _is_fresh(self, roots: Sequence[Any]) -> bool:
        outside = self._outside
        if outside is None or len(roots) != len(self._roots):
            return False
        same = not roots or all(one is other for one, other in zip(roots, self._roots, strict=True))
        return same and outside.is_same()


def _same(one: Value, other: Value) -> bool:
    return one is other or np.asarray(one).tobytes() == np.asarray(other).tobytes()
