"""What a training reads: an array per input, whose first axis counts the examples, or a stream of batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box, Value
from flowgraph.box.arrays import refuse_masked
from flowgraph.data.examples import rectangular
from flowgraph.errors import FeedError, UsageError
from flowgraph.graph import Graph, feeding
from flowgraph.training.problem import Problem, read_weights
from flowgraph.training.settings import read_number, read_setting

HELD_OUT = 2**31
"""What tells this draw from those of the epochs, which are counted from 0."""


class Fed:
    """The arrays of all inputs, checked, of the inputs' dtypes when they are taken; `len` counts the examples.

    `rows` are the examples that these are, in their order, where not all are: so a part of a file that is mapped into
    memory is never copied as a whole. `mapped` says whether there is such a file.
    """

    def __init__(self, arrays: Mapping[Box, Array], rows: Array | None = None) -> None:
        self.arrays = dict(arrays)
        self.rows = rows
        self.count = len(next(iter(self.arrays.values()))) if rows is None else len(rows)
        self.mapped = any(is_mapped(array) for array in self.arrays.values())

    def __len__(self) -> int:
        return self.count

    def take(self, numbers: Array) -> dict[Box, Array]:
        """The examples of these numbers, by input."""
        taken = self.memory(len(numbers))
        self.gather(numbers, taken)
        return taken

    def memory(self, count: int) -> dict[Box, Array]:
        """Memory for so many examples, by input."""
        return {box: np.empty((count, *array.shape[1:]), box.dtype) for box, array in self.arrays.items()}

    def gather(self, numbers: Array, memory: Mapping[Box, Array]) -> None:
        """Write the examples of these numbers to the beginning of some memory."""
        numbers = numbers if self.rows is None else self.rows[numbers]
        for box, array in self.arrays.items():
            to = memory[box][: len(numbers)]
            if array.dtype == box.dtype:
                array.take(numbers, axis=0, out=to, mode="clip")
            else:
                np.copyto(to, array.take(numbers, axis=0, mode="clip"), casting="unsafe")

    def part(self, start: int, stop: int) -> dict[Box, Array]:
        """The examples from `start` to before `stop`, by input; nothing is copied that has the dtype of its input."""
        if self.rows is not None:
            return self.take(np.arange(start, min(stop, self.count)))
        return {box: _cast(array[start:stop], box) for box, array in self.arrays.items()}

    def parts(self, size: int) -> Iterator[tuple[int, dict[Box, Array]]]:
        """All examples in order, in parts of this size, with the number of examples of each."""
        for start in range(0, self.count, size):
            stop = min(start + size, self.count)
            yield stop - start, self.part(start, stop)

    def split(self, order: Array, count: int) -> tuple[Fed, Fed]:
        """The examples of an order after the first `count`, and these."""
        if self.mapped:
            return Fed(self.arrays, order[count:]), Fed(self.arrays, order[:count])
        return Fed(self.take(order[count:])), Fed(self.take(order[:count]))

    def with_array(self, box: Box, array: Array) -> Fed:
        """The same examples with the array of one more input, or with another array of one."""
        return Fed(self.arrays | {box: array}, self.rows)


def is_mapped(array: object) -> bool:
    """Whether an array is mapped from a file, or a view of one that is."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def _cast(array: Array, box: Box) -> Array:
    return array if array.dtype == box.dtype else array.astype(box.dtype)


def read_examples(
    problem: Problem, data: object, what: str = "train", sample_weight: object = None, *, weights_as_given: bool = False
) -> Fed:
    """Examples from a dict of inputs (or names) to arrays, or from a pair (X, y) for the inputs x and y.

    The pair may also be an object with x and y. Where the problem has weights of examples, all are 1 if none are given;
    they are divided by their mean, but where these are a batch and not all examples, `weights_as_given`.
    """
    if isinstance(data, Fed):
        return data
    graph, weights = problem.graph, problem.sample_weight
    feeds = data if isinstance(data, Mapping) else _pair(problem, data, what)
    by_box = {graph.box(key): value for key, value in feeds.items()}
    for box in by_box:
        if box not in problem.inputs:
            raise FeedError(f"fit: found {box.title} in the {what} data, which is no input of the objective")
    if weights is not None:
        sample_weight = by_box.pop(weights, sample_weight)
    missing = [graph.names[box] for box in problem.inputs if box not in by_box and box is not weights]
    if missing or not problem.inputs:
        names = ", ".join(graph.names[box] for box in by_box) or "nothing"
        needed = ", ".join(missing) or "an objective with an input, which examples can be given to"
        raise FeedError(f"fit: found {names} in the {what} data, needs {needed}")
    arrays = {box: _read_array(graph.names[box], box, value) for box, value in by_box.items()}
    count = _count_of(graph, arrays, what)
    if weights is not None:
        arrays[weights] = np.ones(count) if sample_weight is None else read_weights(sample_weight, count)
    feeding.bind_sizes(graph, {box: array.shape for box, array in arrays.items()})
    return Fed(arrays) if weights_as_given else _mean_one(problem, Fed(arrays))


def _count_of(graph: Graph, arrays: Mapping[Box, Array], what: str) -> int:
    """The number of examples, of which every array has as many."""
    lengths = {graph.names[box]: len(array) if array.ndim else 0 for box, array in arrays.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        counts = ", ".join(f"{length} in {name!r}" for name, length in lengths.items())
        raise FeedError(
            f"fit: found {counts} in the {what} data; needs the same number of examples, 1 or more, for each"
        )
    return next(iter(lengths.values()))


def _mean_one(problem: Problem, examples: Fed) -> Fed:
    """The examples with weights, if there are any, of mean 1."""
    box = problem.sample_weight
    if box is None:
        return examples
    weights = examples.arrays[box]
    # only their ratios count, so a power of two divides them without a change of bits, and no sum overflows
    weights = np.ldexp(weights, -int(np.frexp(weights.max())[1]))
    mean = float((weights if examples.rows is None else weights[examples.rows]).mean(dtype=float))
    if mean == 0:
        raise FeedError("fit: found a sample_weight of 0 for every example of a part of the data, so that none counts")
    return examples.with_array(box, (weights / mean).astype(box.dtype))


def held_out(problem: Problem, examples: Fed, share: float, seed: int) -> tuple[Fed, Fed]:
    """Training examples, and this share of all examples to validate on, drawn by the seed."""
    share = read_number("fit", "valid", share, above=0, below=1)
    count = min(max(round(share * len(examples)), 1), len(examples) - 1)
    if count < 1:
        raise FeedError(f"fit: found valid={share} of {len(examples)} example, needs 2 or more to hold some out")
    order = np.random.default_rng([seed, HELD_OUT]).permutation(len(examples))
    train, valid = examples.split(order, count)
    return _mean_one(problem, train), _mean_one(problem, valid)


def epoch_order(count: int, batch_size: int, seed: int, epoch: int) -> Array:
    """Every example once, in an order that the seed and the number of the epoch fix, so that it can be taken up again.

    A batch of all examples needs no order.
    """
    if batch_size >= count:
        return np.arange(count)
    return np.random.default_rng([seed, epoch]).permutation(count)


def train_and_valid(train: object, valid: object) -> tuple[Any, Any]:
    """Training and validation data, also where both were given as one: a pair of data, or a split."""
    if valid is None and hasattr(train, "train") and hasattr(train, "valid"):
        return train.train, train.valid
    if isinstance(train, list) and train and all(map(_is_data, train)):
        raise FeedError(
            f"fit: found a list of {len(train)} pairs or dicts; a list of batches is given by a function, "
            f"lambda: iter(batches), and training and validation data as a tuple, (train, valid)"
        )
    if valid is None and isinstance(train, tuple) and len(train) == 2 and all(map(_is_data, train)):
        return train[0], train[1]
    return train, valid


def _is_data(data: object) -> bool:
    """Whether this is data by itself: a dict, examples, or a pair of arrays."""
    pair = isinstance(data, tuple) and len(data) == 2 and all(map(_has_axes, data))
    return pair or isinstance(data, Mapping) or (hasattr(data, "x") and hasattr(data, "y"))


def _has_axes(part: Any) -> bool:
    return bool(np.ndim(part)) if hasattr(part, "dtype") else isinstance(part, list | tuple) or hasattr(part, "shape")


def as_pair(data: object) -> Any:
    """The pair (x, y) of an object that has both, as `flowgraph.data` makes them; anything else as it is."""
    return (data.x, data.y) if hasattr(data, "x") and hasattr(data, "y") else data


def _pair(problem: Problem, data: object, what: str) -> dict[str, Any]:
    names = {problem.graph.names[box] for box in problem.inputs if box is not problem.sample_weight}
    data = as_pair(data)
    if not isinstance(data, tuple | list) or len(data) != 2 or names != {"x", "y"}:
        raise FeedError(
            f"fit: found {type(data).__name__} as the {what} data, needs a dict of inputs to arrays, "
            f"{{{', '.join(f'{name!r}: ...' for name in sorted(names))}}}"
            + (", or a pair (X, y)" if names == {"x", "y"} else "")
        )
    return dict(zip(("x", "y"), data, strict=True))


def _as_numbers(name: str, array: Array, box: Box) -> str:
    """How values that are no numbers, though they may look like some, become numbers."""
    dtype = "int" if box.dtype.kind in "iu" else "float"
    try:
        array.astype(dtype)
    except (TypeError, ValueError, OverflowError):
        if box.dtype.kind in "iu":
            return f"classes by name become numbers with np.unique({name}, return_inverse=True)"
        return (
            f"of a table with words, flowgraph.data.preparation makes columns of numbers, or leave {name}'s words out"
        )
    return f"all of them can be converted, np.asarray({name}, {dtype})"


def _read_array(name: str, box: Box, value: Value) -> Array:
    refuse_masked(f"fit: {name!r}", value)
    array = rectangular(value, f"fit: {name!r}")
    if array.dtype.kind in "OUS":
        raise FeedError(
            f"fit: found {array.dtype} values such as {array.reshape(-1)[:1].tolist()} for {name!r}, needs numbers; "
            f"{_as_numbers(name, array, box)}"
        )
    if array.dtype.kind == "f" and box.dtype.kind in "iu":
        raise FeedError(
            f"fit: found floats for the labels {name!r}, needs whole numbers 0, 1, 2 ...; convert them, "
            f"{name}.astype(int)"
        )
    if is_mapped(array):
        feeding.read_array(name, box, array[:1])
        return array
    return np.asarray(feeding.read_array(name, box, array))


class Batch(NamedTuple):
    """The arrays of some examples by input, and how many these are, in `size`."""

    arrays: Mapping[Box, Array]
    size: int


GATHERED = 1 << 20
"""Bytes of examples that are gathered at once, an epoch of a small set: one batch of a larger one, which stays in the
cache of the processor until the step has read it."""

ORDERED = 1 << 17
"""Bytes of the orders of epochs to come that are drawn at once. A generator made between two steps finds nothing of
NumPy's in the cache of the processor, and takes 4 times as long: 12 of the 200 microseconds of a step on digits."""


class Shuffled:
    """Batches of examples in arrays, each example once per epoch."""

    def __init__(self, examples: Fed, batch_size: int | None, seed: int) -> None:
        self.examples = self.first = examples
        size: int | None = read_setting("fit", "batch_size", batch_size)
        self.count = len(examples)
        self.size = self.count if size is None else min(size, self.count)
        self.seed = seed
        batch = sum(array[:1].nbytes for array in examples.arrays.values()) * self.size
        self._together = 1 if examples.mapped else max(1, GATHERED // max(1, batch))
        self._whole = self.size == self.count and not examples.mapped
        self._memory: Mapping[Box, Array] = {}
        self._cuts: dict[int, list[Batch]] = {}
        self._orders: dict[int, Array] = {}
        self.begin(0)

    def begin(self, epoch: int, position: int = 0) -> None:
        """Go to the beginning of an epoch, or to the example in it where a training was left."""
        self.steps = -(-position // self.size)
        self._position, self._epoch = position, epoch
        self._gathered: list[Batch] = []

    @property
    def more(self) -> bool:
        """Whether there is another batch in this epoch."""
        return self._position < self.count

    def take(self) -> Batch:
        """The next batch."""
        if not self._gathered:
            self._gathered = self._gather(self._position)
        batch = self._gathered.pop()
        self._position += batch.size
        self.steps += 1
        return batch

    def __getstate__(self) -> dict[str, Any]:
        """A copy cuts memory of its own: copied views would be arrays to which no epoch writes."""
        return {**self.__dict__, "_memory": {}, "_cuts": {}}

    def _gather(self, start: int) -> list[Batch]:
        """The next batches, the last one first: views of one memory, to which each epoch writes its examples."""
        most = self.size * self._together
        count = min(most, self.count - start)
        if not self._memory:
            self._memory = self.examples.arrays if self._whole else self.examples.memory(min(most, self.count))
        if not self._whole:
            self.examples.gather(self._order()[start : start + count], self._memory)
        if count not in self._cuts:
            cuts = [(place, min(place + self.size, count)) for place in range(0, count, self.size)]
            self._cuts[count] = [
                Batch({box: a[low:high] for box, a in self._memory.items()}, high - low) for low, high in reversed(cuts)
            ]
        return self._cuts[count].copy()

    def _order(self) -> Array:
        """The order of this epoch, drawn with those of up to twice as many to come as were drawn last."""
        if self._epoch not in self._orders:
            more = min(2 * len(self._orders), ORDERED // (8 * self.count))
            epochs = range(self._epoch, self._epoch + more + 1)
            self._orders = {epoch: epoch_order(self.count, self.size, self.seed, epoch) for epoch in epochs}
        return self._orders[self._epoch]


class Stream:
    """Batches that an iterable gives, one after the other: no more than one is held.

    A function is called for each epoch and returns an iterator; an iterable is gone through in each epoch. An iterator,
    which cannot be gone through twice, goes on from epoch to epoch, and `steps_per_epoch` says how long these are.
    """

    size: int | None = None

    def __init__(self, source: Any, steps_per_epoch: int | None = None) -> None:
        self.source = source
        self.limit: int | None = read_setting("fit", "steps_per_epoch", steps_per_epoch)
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
    parted = any(hasattr(data, name) and hasattr(data, other) for name, other in (("x", "y"), ("train", "valid")))
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


class TrainingData(NamedTuple):
    """Batches, the training examples (None of a stream) and the validation examples (None where there are none)."""

    batches: Shuffled | Stream
    train: Fed | None
    valid: Fed | None


def training_data(
    problem: Problem, train: object, valid: object, *, batch_size: int | None, seed: int, sample_weight: object = None
) -> TrainingData:
    """Read the data for a problem; `valid` may be the share of the training examples to hold out."""
    if isinstance(train, Stream):
        return TrainingData(train.of(problem), None, _of_stream(problem, valid, sample_weight))
    examples = read_examples(problem, train, sample_weight=sample_weight)
    others = None
    if isinstance(valid, Real):
        examples, others = held_out(problem, examples, valid, seed)  # type: ignore[arg-type]
    elif valid is not None:
        others = _read_valid(problem, valid)
    return TrainingData(Shuffled(examples, batch_size, seed), examples, others)


def has_weights(valid: object, sample_weight: object) -> bool:
    """Whether examples have weights: those to train on, or those to validate on, (X, y, sample_weight)."""
    return sample_weight is not None or _is_triple(valid)


def _read_valid(problem: Problem, valid: Any) -> Fed:
    if _is_triple(valid):
        return read_examples(problem, tuple(valid[:2]), "valid", valid[2])
    return read_examples(problem, valid, "valid")


def _is_triple(data: object) -> bool:
    return isinstance(data, tuple) and len(data) == 3


def _of_stream(problem: Problem, valid: object, sample_weight: object) -> Fed | None:
    if sample_weight is not None:
        raise UsageError(
            "fit: found sample_weight= beside a stream of batches; give each batch weights of its own, as an input of "
            "fg.Problem(objective, sample_weight=...)"
        )
    if isinstance(valid, Real):
        raise UsageError(
            f"fit: found valid={valid} beside a stream of batches, of which no share can be held out; needs examples"
        )
    return None if valid is None else _read_valid(problem, valid)
