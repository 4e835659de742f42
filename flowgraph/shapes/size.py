"""The size of an axis before its number is known: a name, or a polynomial of names."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.errors import UsageError

Monomial = tuple[str, ...]
Shape = tuple["int | Size", ...]

_fresh = itertools.count()
_MOST = 4096
"""Results of arithmetic that are kept: the sizes of a graph are few, and most of its boxes ask for the same ones."""


class Size(str):
    """A symbolic size such as N, N - 1 or 784*N: a string with its polynomial.

    An axis has an int where its number is known and a Size where it follows a batch of any size. A Size whose name
    starts with "?" depends on values or on a case distinction; it fits every other size and is checked in the run.

    Parameters
    ----------
    terms : str or mapping
        A name, or the coefficients of the polynomial by monomial.

    Examples
    --------
    >>> import flowgraph as fg
    >>> x = fg.Input("x", shape=("N", 784))
    >>> x.shape[0] * 784 - 1
    '784*N-1'
    """

    terms: dict[Monomial, int]
    unknown: bool
    """Whether some part of it is only known in a run."""

    def __new__(cls, terms: str | Mapping[Monomial, int]) -> Size:
        """From the name of a size, or from a polynomial: the coefficient of each monomial."""
        polynomial: dict[Monomial, int] = {(str(terms),): 1} if isinstance(terms, str) else dict(terms)
        size = super().__new__(cls, terms if isinstance(terms, str) else _text(polynomial))
        size.terms = polynomial
        size.unknown = any(name.startswith("?") for monomial in polynomial for name in monomial)
        return size

    @property
    def names(self) -> set[str]:
        """The names of axes that it is made of."""
        return {name for monomial in self.terms for name in monomial}

    def _with(self, other: Any, operation: Callable[[int | Size, int | Size], int | Size]) -> Any:
        """The size of an operation with a size; boxes see to theirs themselves, and no other number fits."""
        if isinstance(other, int | Size):
            return operation(self, other)
        return self._refuse_number() if isinstance(other, float | np.generic) else NotImplemented

    def __add__(self, other: Any) -> Any:
        return self._with(other, add)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda left, right: add(left, multiply(-1, right)))

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda right, left: add(left, multiply(-1, right)))

    def __mul__(self, other: Any) -> Any:
        return self._with(other, multiply)

    __radd__, __rmul__ = __add__, __mul__

    def _refuse_number(self, *_: Any) -> Any:
        raise UsageError(no_number(self))

    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _refuse_number
    __float__ = __int__ = __index__ = _refuse_number


def no_number(size: Size) -> str:
    """What is said where a size is taken for a number."""
    return (
        f"found the size {size}, which each run decides, where a number is needed; fg.count_like(x, axis=0) is a "
        f"box of the number of rows of x, and np.mean, np.ones_like, fg.arange_like and fg.broadcast_like follow it"
    )


def is_size_name(name: object) -> bool:
    """Whether a name is allowed for an axis: an identifier, or "?" and a number for an unknown size."""
    return isinstance(name, str) and (name.isidentifier() or (name[:1] == "?" and name[1:].isdecimal()))


def unknown() -> Size:
    """A size that is only known in a run."""
    return Size(f"?{next(_fresh)}")


@functools.lru_cache(_MOST)
def add(left: int | Size, right: int | Size) -> int | Size:
    """The sum of two sizes."""
    if isinstance(left, int) and isinstance(right, int):
        return int(left + right)
    total = dict(_terms(left))
    for monomial, factor in _terms(right).items():
        total[monomial] = total.get(monomial, 0) + factor
    return _tidy(total)


@functools.lru_cache(_MOST)
def multiply(left: int | Size, right: int | Size) -> int | Size:
    """The product of two sizes."""
    if isinstance(left, int):
        left, right = right, left
    if isinstance(right, int):
        return int(left * right) if isinstance(left, int) else _scale_size(left, right)
    total: dict[Monomial, int] = {}
    for (names, m), (more, n) in itertools.product(_terms(left).items(), _terms(right).items()):
        monomial = tuple(sorted(names + more))
        total[monomial] = total.get(monomial, 0) + m * n
    return _tidy(total)


def product(sizes: Iterable[int | Size]) -> int | Size:
    """The number of elements of an array with these sizes."""
    total: int | Size = 1
    for size in sizes:
        total = total * size if isinstance(total, int) and isinstance(size, int) else multiply(total, size)
    return total


@functools.lru_cache(_MOST)
def divide(total: int | Size, part: int | Size) -> int | Size | None:
    """The size q with q * part = total, or None where there is no such polynomial."""
    if isinstance(part, int) and part:
        whole = all(factor % part == 0 for factor in _terms(total).values())
        return _tidy({names: factor // part for names, factor in _terms(total).items()}) if whole else None
    rest, divisor = dict(_terms(total)), _terms(part)
    if not divisor:
        return None
    lead = max(divisor, key=_degree)
    quotient: dict[Monomial, int] = {}
    while rest:
        highest = max(rest, key=_degree)
        names = _without(highest, lead)
        if names is None or rest[highest] % divisor[lead]:
            return None
        quotient[names] = factor = rest[highest] // divisor[lead]
        for monomial, coefficient in divisor.items():
            product_of_names = tuple(sorted(names + monomial))
            rest[product_of_names] = rest.get(product_of_names, 0) - factor * coefficient
        rest = {monomial: coefficient for monomial, coefficient in rest.items() if coefficient}
    return _tidy(quotient)


def evaluate(size: int | Size, sizes: Mapping[str, int]) -> int:
    """The number of a size, given the numbers of its names; never below 0, like the length of a slice."""
    if isinstance(size, int):
        return size
    total = sum(factor * int(np.prod([sizes[name] for name in names])) for names, factor in size.terms.items())
    return max(total, 0)


def substitute(size: int | Size, sizes: Mapping[str, int | Size]) -> int | Size:
    """The size with others in the place of some of its names."""
    if isinstance(size, int) or size.names.isdisjoint(sizes):
        return size
    total: int | Size = 0
    for names, factor in size.terms.items():
        total = add(total, product([factor, *[sizes.get(name, Size(name)) for name in names]]))
    return total


def fit(samples: Sequence[tuple[Mapping[str, int], int]]) -> int | Size:
    """The simplest size that gives every sampled number: a constant, then a linear, then a multilinear form."""
    names = sorted(samples[0][0])
    numbers = np.array([number for _, number in samples], float)
    for degree in range(len(names) + 1):
        monomials = [m for d in range(degree + 1) for m in itertools.combinations(names, d)]
        table = np.array([[np.prod([sizes[n] for n in m]) for m in monomials] for sizes, _ in samples], float)
        if len(samples) <= len(monomials):
            break
        factors = np.rint(np.linalg.lstsq(table, numbers, rcond=None)[0])
        if np.array_equal(table @ factors, numbers):
            return _tidy({m: int(f) for m, f in zip(monomials, factors, strict=True)})
    return unknown()


def _scale_size(size: Size, factor: int) -> int | Size:
    return size if factor == 1 else _tidy({names: coefficient * factor for names, coefficient in size.terms.items()})


def _degree(monomial: Monomial) -> tuple[int, Monomial]:
    """An order that products keep, so that a division ends."""
    return len(monomial), monomial


def _without(monomial: Monomial, part: Monomial) -> Monomial | None:
    """The names that are left of a product when some are divided out, or None where one is missing."""
    rest = list(monomial)
    for name in part:
        if name not in rest:
            return None
        rest.remove(name)
    return tuple(rest)


def _terms(size: int | Size) -> Mapping[Monomial, int]:
    if isinstance(size, Size):
        return size.terms
    return {(): int(size)} if size else {}


def _tidy(terms: Mapping[Monomial, int]) -> int | Size:
    kept = {monomial: factor for monomial, factor in terms.items() if factor}
    if not kept:
        return 0
    return kept[()] if set(kept) == {()} else Size(kept)


def _text(terms: Mapping[Monomial, int]) -> str:
    pieces = []
    for names, factor in sorted(terms.items(), key=lambda term: (-len(term[0]), term[0])):
        product_of_names = "*".join(names)
        if names and abs(factor) != 1:
            product_of_names = f"{abs(factor)}*{product_of_names}"
        pieces.append(("-" if factor < 0 else "+") + (product_of_names or str(abs(factor))))
    return "".join(pieces).removeprefix("+")
