"""Where the batches of an epoch come from: arrays in an order that a seed fixes, or a stream that gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.errors import FeedError, UsageError
from flowgraph.training.examples import Fed, epoch_order, read_batch_size, read_examples
from flowgraph.training.problem import Problem
from flowgraph.training.settings import read_count


class Batch(NamedTuple):
    """The arrays of some examples by input, and how many these are, in `size`."""

    arrays: Mapping[Box, Array]
    size: int


class Shuffled:
    """Batches of examples in arrays, each example once per epoch."""

    def __init__(self, examples: Fed, batch_size: int | None, seed: int) -> None:
        self.examples = self.first = examples
        self.size = read_batch_size(batch_size, len(examples))
        self.seed = seed
        self.begin(0)

    def begin(self, epoch: int, position: int = 0) -> None:
        """Go to the beginning of an epoch, or to the example in it where a training was left."""
        self.steps = -(-position // self.size)
        self._position = position
        self._order = epoch_order(len(self.examples), self.size, self.seed, epoch)

    @property
    def more(self) -> bool:
        """Whether there is another batch in this epoch."""
        return self._position < len(self.examples)

    def take(self) -> Batch:
        """The next batch."""
        stop = min(self._position + self.size, len(self.examples))
        numbers = self._order[self._position : stop]
        whole = len(numbers) == len(self.examples) and not self.examples.mapped
        arrays = self.examples.arrays if whole else self.examples.take(numbers)
        self._position = stop
        self.steps += 1
        return Batch(arrays, len(numbers))


class Stream:
    """Batches that an iterable gives, one after the other: no more than one is held.

    A function is called for each epoch and returns an iterator; an iterable is gone through in each epoch. An iterator,
    which cannot be gone through twice, goes on from epoch to epoch, and `steps_per_epoch` says how long these are.
    """

    size: int | None = None

    def __init__(self, source: Any, steps_per_epoch: int | None = None) -> None:
        self.source = source
        self.limit = None if steps_per_epoch is None else read_count("fit", "steps_per_epoch", steps_per_epoch)
        self._once = isinstance(source, Iterator)
        self._coming: Iterator[Any] = source if self._once else iter(())
        self.first = self._peek()
        self._problem: Problem | None = None
        self._epoch: Iterator[Any] | None = None
        self._next: Any = None

    def _peek(self) -> Any:
        """The first batch, from which shapes and dtypes are read, and which is given again."""
        begun = self._open()
        first = next(begun, None)
        if first is None:
            raise FeedError("fit: found a stream without a batch, needs one or more, each (X, y) or a dict of arrays")
        if self._once:
            self._coming = chain([first], begun)
        return first

    def _open(self) -> Iterator[Any]:
        if self._once:
            return self._coming
        opened = self.source if isinstance(self.source, Iterable) else self.source()
        if not isinstance(opened, Iterable):
            raise FeedError(f"fit: found {type(opened).__name__} from the function that gives data, needs an iterator")
        return iter(opened)

    def of(self, problem: Problem) -> Stream:
        """The stream as batches for the inputs of a problem."""
        self._problem = problem
        return self

    def begin(self, epoch: int, position: int = 0) -> None:
        """Go to the beginning of an epoch, or past the examples of it that a training had seen when it was left.

        Nothing is asked of the source before the first batch is needed.
        """
        self.steps = self._seen = 0
        self._start, self._epoch, self._next = position, None, None

    @property
    def more(self) -> bool:
        """Whether there is another batch in this epoch."""
        if self._epoch is None:
            self._epoch = islice(self._open(), self.limit)
            self._next = next(self._epoch, None)
            while self._seen < self._start and self._next is not None:
                self.take()
        return self._next is not None

    def take(self) -> Batch:
        """The next batch."""
        assert self.more
        assert self._problem is not None
        assert self._epoch is not None
        examples = read_examples(self._problem, self._next, weights_as_given=True)
        self._next = next(self._epoch, None)
        self._seen += len(examples)
        self.steps += 1
        return Batch(examples.arrays, len(examples))


class Nothing:
    """No batches: those of a trainer that has let go of its examples."""

    steps, more = 0, False

    def begin(self, epoch: int, position: int = 0) -> None:
        """There is nothing to begin with."""

    @property
    def first(self) -> Any:
        """Refused."""
        return self.take()

    def take(self) -> Batch:
        """Refused."""
        raise UsageError("trainer: found no examples since release(); needs feed(data)")


def is_stream(data: object) -> bool:
    """Whether data are no arrays but something that gives batches: a function, an iterator, a loader."""
    known = isinstance(data, Mapping | tuple | list | str | np.ndarray | Fed) or hasattr(data, "__array__")
    parted = any(hasattr(data, one) and hasattr(data, other) for one, other in (("x", "y"), ("train", "valid")))
    return not known and not parted and (isinstance(data, Iterable) or callable(data)) and not isinstance(data, type)


def as_stream(data: object, steps_per_epoch: int | None) -> tuple[Any, Any]:
    """The data, as a stream where they are one, and what shapes and dtypes are read from: the data, or a batch."""
    if is_stream(data):
        stream = Stream(data, steps_per_epoch)
        return stream, stream.first
    if steps_per_epoch is not None:
        raise UsageError(
            f"fit: found steps_per_epoch={steps_per_epoch!r} for data that are arrays, of which an epoch takes all; it "
            f"needs a stream of batches"
        )
    return data, data
