"""Code of others as the two functions that a case is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Judgement, Package
from benchmarks.outside.fresh import sources


class Repository(Package):
    """The entries of one repository that is on no package index."""

    def installed(self) -> bool:
        """Whether its files have been fetched."""
        return sources.folder(self.name).exists()


def found_wrong(package: Package, proof: str, *names: str) -> None:
    """Entries that were judged right when they were gathered, and were found wrong by looking again."""
    _judge(package, "wrong", proof, names)


def proved_right(package: Package, proof: str, *names: str) -> None:
    """Entries that are right although differences disagree somewhere: what is said there."""
    _judge(package, "right", proof, names)


def _judge(package: Package, judgement: Judgement, proof: str, names: tuple[str, ...]) -> None:
    assert set(names) <= {entry.name for entry in package.entries}, names
    package.entries = [
        replace(entry, judgement=judgement, proof=proof) if entry.name in names else entry for entry in package.entries
    ]


def slope(function: Callable[..., Any], derivative: Callable[..., Any], x: Any) -> Case:
    """An elementwise function and its derivative."""
    return Case(function, (x,), lambda grad, value, x: (grad * derivative(x),))


def slope_of_value(function: Callable[..., Any], derivative: Callable[..., Any], x: Any) -> Case:
    """An elementwise function whose derivative is written as a function of the value."""
    return Case(function, (x,), lambda grad, value, x: (grad * derivative(value),))


def gradient(function: Callable[..., Any], derivative: Callable[..., Any], *inputs: Any) -> Case:
    """A scalar function and its gradient: by the only input, or a tuple with one gradient for each."""

    def backward(grad: Any, value: Any, *inputs: Any) -> Any:
        found = derivative(*inputs)
        parts = found if isinstance(found, tuple) else (found,)
        return tuple(None if part is None else grad * np.asarray(part) for part in parts)

    return Case(function, inputs, backward)


def jacobian(function: Callable[..., Any], derivative: Callable[..., Any], x: Any) -> Case:
    """A function of one array and its Jacobian, the axes of the value first."""

    def backward(grad: Any, value: Any, x: Any) -> Any:
        return (np.tensordot(grad, derivative(x), np.ndim(grad)),)

    return Case(function, (x,), backward)


def layer(
    make: Callable[..., Any],
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    *inputs: Any,
) -> Case:
    """A layer with a state: `make(*inputs)` anew for each call, `forward(layer, *inputs)`, `backward(layer, grad)`."""

    def value(*inputs: Any) -> Any:
        return forward(make(*inputs), *inputs)

    def pulled(grad: Any, value: Any, *inputs: Any) -> Any:
        one = make(*inputs)
        forward(one, *inputs)
        return backward(one, grad)

    return Case(value, inputs, pulled)
