"""The arrays and settings on which a box class is checked, drawn from what it declares."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations, islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Constant, Elementwise, Value
from flowgraph.box.leaves import Input
from flowgraph.box.vocabulary import Example, Interval
from flowgraph.checking.point import generator, parts
from flowgraph.checking.target import Array
from flowgraph.derivatives.batching import over_rows
from flowgraph.graph import Graph
from flowgraph.shapes.size import Shape, evaluate

NAMED_SIZES = (4, 3, 5, 2, 6)  # of the names of a signature in their order: all differ, so that no transposition fits


@dataclass(frozen=True)
class Case:
    """A box class, arrays for its children, settings.

    Parameters
    ----------
    cls : type of Box
        The class.
    children : tuple of ndarray
        Values of the children.
    settings : dict
        Settings of the box.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.testing import Case
    >>> Case(fg.Tanh, (np.zeros(2),), {}).children[0].shape
    (2,)
    """

    cls: type[Box]
    children: tuple[Array, ...]
    settings: dict[str, Any]

    @property
    def box(self) -> Box:
        """The box on these arrays as constants; its fprop and bprop are tested."""
        return self.cls(*self.children, **self.settings)

    @property
    def value(self) -> Any:
        """The value of the box on these arrays."""
        return self.box.fprop(*(child[()] for child in self.children))

    @property
    def floats(self) -> list[int]:
        """The positions of the children that have a gradient."""
        constant = self.box.constant
        return [i for i, a in enumerate(self.children) if a.dtype.kind in "fc" and not constant[i]]

    def cast(self, dtype: DTypeLike | None) -> Case:
        """The same test case in another precision.

        Parameters
        ----------
        dtype : dtype_like
            The dtype of the floats; complex arrays get the complex dtype of that precision.

        Returns
        -------
        Case
            The same class and settings on converted arrays.
        """
        kinds = {"f": np.dtype(dtype), "c": np.result_type(dtype, np.complex64)}
        return self.replace(*(a.astype(kinds.get(a.dtype.kind, a.dtype)) for a in self.children))

    def replace(self, *children: Value) -> Case:
        """The same settings on other arrays.

        Parameters
        ----------
        *children : array
            The value of each child.

        Returns
        -------
        Case
            The new test case.
        """
        return Case(self.cls, children, self.settings)

    def __str__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        return f"{self.cls.__name__}({', '.join(str(a.shape) for a in self.children)}{settings})"


def cases(cls: type[Box]) -> list[Case]:
    """Every example of the class, and for an elementwise box the broadcasts and 0-d arrays that it takes.

    Parameters
    ----------
    cls : type of Box
        The class.

    Returns
    -------
    list of Case
        Arrays and settings.

    Examples
    --------
    >>> import flowgraph as fg
    >>> from flowgraph.testing import cases
    >>> len(cases(fg.Tanh)) > 0
    True
    """
    return list(_cases(cls))


def _cases(cls: type[Box]) -> Iterator[Case]:
    rng = np.random.default_rng(zlib.crc32(cls.__name__.encode()))
    for example in examples_of(cls):
        yield _draw_case(cls, example, rng)
    for example in examples_of(cls)[:2] if issubclass(cls, Elementwise) and not cls.variadic else ():
        yield from (case for other in _broadcast(example) if _is_taken(case := _draw_case(cls, other, rng)))


def _draw_case(cls: type[Box], example: Example, rng: np.random.Generator) -> Case:
    return Case(cls, tuple(child.draw_value(rng) for child in children_of(cls, example)), dict(example.settings))


def _broadcast(example: Example) -> Iterator[Example]:
    """The example with numbers for all children, and with each child in turn broadcast along the first axis."""
    children, given = example.children, example.settings
    yield Example(tuple(() if isinstance(child, tuple) else child.reshape(-1)[0] for child in children), given)
    if len(children) > 1 and all(isinstance(child, tuple) for child in children):
        with suppress(ValueError):  # of shapes that do not broadcast, which are no example of such a box
            less = np.broadcast_shapes(*children)[1:]
            yield from (Example((*children[:i], less, *children[i + 1 :]), given) for i in range(len(children)))


def _is_taken(case: Case) -> bool:
    """Whether the box can be built, and has a value, on shapes that its class does not declare."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(case.box.outputs) and case.value is not None
    except Exception:  # whatever a fprop raises that refuses to broadcast
        return False


@dataclass(frozen=True)
class Child:
    """What is declared of a child in an example: a shape, for numbers of a domain off the kinks, or an array as it is.

    Seeded examples and Hypothesis strategies are both made from it.
    """

    given: Any
    domain: Interval
    kinks: tuple[float, ...]

    @property
    def is_free(self) -> bool:
        """Whether its numbers are drawn."""
        return isinstance(self.given, tuple)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape in the example."""
        return self.given if isinstance(self.given, tuple) else np.shape(self.given)

    def draw_value(self, rng: np.random.Generator) -> Array:
        """Normal values, moved into the domain and away from its ends and from kinks."""
        if not self.is_free:
            return np.array(self.given)
        values = rng.normal(size=self.shape)
        low, high = self.domain.low, self.domain.high
        if np.isfinite(low) and np.isfinite(high):
            values = low + (high - low) * rng.uniform(0.05, 0.95, size=self.shape)
        elif np.isfinite(low):
            values = low + 0.1 + np.abs(values)
        elif np.isfinite(high):
            values = high - 0.1 - np.abs(values)
        for kink in self.kinks:
            values = np.where(np.abs(values - kink) < 0.02, values + 0.05, values)
        return np.asarray(values)


def children_of(cls: type[Box], example: Example) -> list[Child]:
    """What is declared of each child in an example."""
    labels = child_labels(cls, len(example.children))
    pairs = zip(labels, example.children, strict=True)
    return [Child(given, cls.domain.get(label, Interval()), cls.kinks) for label, given in pairs]


def child_labels(cls: type[Box], count: int) -> list[str]:
    """The name in fprop of each of `count` children; the last one repeated where it takes any number."""
    names = list(cls.child_names)
    return names[:count] + [names[-1]] * (count - len(names)) if cls.variadic else names


def examples_of(cls: type[Box]) -> tuple[Example, ...]:
    """The declared examples; a box without any gets shapes that fit its signature, or one shape for all children."""
    if cls.examples:
        return cls.examples
    if cls.signature is None:
        return (Example(((3, 4),) * (len(cls.child_names) + cls.variadic)),)
    return (Example(_shapes_of_signature(cls)),)


def _shapes_of_signature(cls: type[Box]) -> tuple[Shape, ...]:
    """A size of its own for each name, after axes that broadcast where the box takes any."""
    most = max(len(core) for core in cls.signature.children)
    loop = (3, 4)[: max(2 - most, 0)]
    sizes = [size for size in range(3, 3 + 26) if size not in loop]
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shapes = tuple(cls.signature.shapes(sizes, loop))
            ones = [np.ones([int(size) for size in shape]) for shape in shapes]
            cls(*ones).fprop(*ones)
    except Exception:  # whatever a fprop raises that takes the core alone
        return tuple(cls.signature.shapes(sizes))
    return shapes


def case_of(box: Box, seed: int = 0) -> Case:
    """A built box with its settings, on new values: constants stay, a named size becomes a small number."""
    rng, cls = generator(seed), type(box)
    names = sorted({n for c in box.children for s in c.shape if not isinstance(s, int) for n in s.names})
    sizes = {name: NAMED_SIZES[i % len(NAMED_SIZES)] for i, name in enumerate(names)}
    labels = [name.partition("[")[0] for name in box.names_of_children()]
    children = []
    for i, (child, label) in enumerate(zip(box.children, labels, strict=True)):
        shape = tuple(int(evaluate(size, sizes)) for size in child.shape)
        if isinstance(child, Constant):
            children.append(child.value.copy())
        elif child.dtype.kind in "fc":
            declared = Child(shape, cls.domain.get(label, Interval()), cls.kinks)
            children.append(declared.draw_value(rng).astype(child.dtype))
        else:
            whole = np.zeros(1) if child.dtype.kind != "b" else np.arange(2)
            given = [example.children[i] for example in examples_of(cls) if i < len(example.children)]
            shown = [np.ravel(x) for x in given if type(x) is not tuple and np.asarray(x).dtype.kind in "iu"]
            shown = [labels for labels in shown if labels.size]
            children.append(rng.choice([*shown, whole][0], shape).astype(child.dtype))
    return Case(cls, tuple(children), box.setting_values())


_ROWS = 7
"""No size of a drawn example, so that an axis of rows fits no other."""

_MOST = 31
"""Sets of children that are given in rows: all of five children, of which there are twice as many for each one more."""

Stacks: TypeAlias = Callable[[], tuple[Array, ...]]
"""The outputs for each row, one array each."""


def rows_of(case: Case) -> Iterator[tuple[str, Stacks, Stacks]]:
    """Children that are given in rows, the values of the rows alone, and those of the box over all rows at once.

    They are equal if Elementwise, signature and core are as declared. Each child alone comes first, then all together.
    """
    leaves = [Input(f"child{i}", shape=a.shape, dtype=a.dtype) for i, a in enumerate(case.children)]
    many = [Input(f"rows{i}", shape=(_ROWS, *a.shape), dtype=a.dtype) for i, a in enumerate(case.children)]
    places, names = range(len(leaves)), case.box.names_of_children()
    counts = sorted(range(1, len(leaves) + 1), key=lambda count: (count != 1, count != len(leaves)))
    for chosen in islice(chain.from_iterable(combinations(places, count) for count in counts), _MOST):
        rows: dict[Box, Box] = {leaves[i]: many[i] for i in chosen}
        each = [[_shrunk(case, i, r if i in chosen else 0) for i in places] for r in range(_ROWS)]
        yield ", ".join(names[i] for i in chosen), partial(_alone, case, each), partial(_over, case, each, leaves, rows)


def _alone(case: Case, each: list[list[Array]]) -> tuple[Array, ...]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that have left the domain
        values = [parts(case.box.fprop(*(a[()] for a in row))) for row in each]
    return tuple(map(np.stack, zip(*values, strict=True)))


def _over(case: Case, each: list[list[Array]], leaves: list[Input], rows: dict[Box, Box]) -> tuple[Array, ...]:
    stacked = map(np.stack, zip(*each, strict=True))
    fed = {rows.get(leaf, leaf): a if leaf in rows else a[0] for leaf, a in zip(leaves, stacked, strict=True)}
    box = case.cls(*leaves, **case.settings)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        over = Graph(*over_rows([box] if len(box.outputs) == 1 else list(box), rows))
        return tuple(over.fprop({leaf: a for leaf, a in fed.items() if leaf in over}).outputs)


def _shrunk(case: Case, place: int, row: int) -> Array:
    """A child in one of the rows, by which those with a gradient differ."""
    a = case.children[place]
    return a * a.dtype.type(1 - row / 64) if place in case.floats else a
