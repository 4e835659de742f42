"""A program: leaves with their arrays, and lines of NumPy that run on arrays and on boxes alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.special

import flowgraph as fg

KINDS = ("input", "parameter", "constant", "random")


@dataclass(frozen=True)
class Leaf:
    """An array that a program begins with; `named` says that its first axis is the batch, of any size.

    `layout` is an expression of the array `a`, such as "a.T" or "a[::-1]": how it lies in memory where it is fed.
    """

    name: str
    kind: str
    array: np.ndarray[Any, Any]
    named: bool = False
    layout: str = "a"

    def fed(self) -> Any:
        """The array as it is given to NumPy and to graphs: the same numbers, laid out in memory as `layout` says."""
        array = self.array
        if self.layout == "a.T":
            return np.ascontiguousarray(array.T).T
        if self.layout == "a[::-1]":
            return np.ascontiguousarray(array[::-1])[::-1]
        if self.layout == "a[::2]":
            return np.repeat(array, 2, axis=0)[::2]
        return array


@dataclass(frozen=True)
class Case:
    """A program of lines `name = expression`, whose last values are its outputs."""

    leaves: tuple[Leaf, ...]
    lines: tuple[tuple[str, str], ...]
    outputs: tuple[str, ...]
    label: str = ""
    exact: bool = False
    codes: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, values: Mapping[str, Any], numpy: Any = np) -> tuple[Any, ...]:
        """The outputs, from arrays or from boxes, with another package in the place of NumPy."""
        space = {"np": numpy, "fg": fg, "special": scipy.special, **values}
        for name, expression in self.lines:
            if expression not in self.codes:
                self.codes[expression] = compile(expression, "<program>", "eval")
            space[name] = eval(self.codes[expression], space)
        return tuple(space[name] for name in self.outputs)

    @property
    def arrays(self) -> dict[str, Any]:
        """The leaves as arrays."""
        return {leaf.name: leaf.fed() for leaf in self.leaves}

    def boxes(self, names: Mapping[str, str] | None = None) -> dict[str, Any]:
        """New boxes for the leaves, by the variables of the program; `names` gives them other names."""
        given = names or {}
        return {leaf.name: box_of(leaf, given.get(leaf.name, leaf.name)) for leaf in self.leaves}

    def only(self, outputs: Sequence[str]) -> Case:
        """The program with these outputs, without the lines and leaves that they do not read."""
        needed = set(outputs)
        lines: list[tuple[str, str]] = []
        for name, expression in reversed(self.lines):
            if name in needed:
                lines.append((name, expression))
                needed |= set(compile(expression, "<program>", "eval").co_names) | _inner_names(expression)
        leaves = tuple(leaf for leaf in self.leaves if leaf.name in needed)
        return replace(self, leaves=leaves, lines=tuple(reversed(lines)), outputs=tuple(outputs))

    def text(self) -> str:
        """The program as code that runs by itself, on boxes and on arrays."""
        lines = ["import numpy as np, flowgraph as fg", "from scipy import special"]
        lines += [f"{leaf.name}_array = {array_text(leaf)}" for leaf in self.leaves]
        arguments = ", ".join(leaf.name for leaf in self.leaves)
        lines += [f"def program({arguments}):", *[f"    {name} = {text}" for name, text in self.lines]]
        lines += [f"    return {', '.join(self.outputs)},"]
        lines += [f"outputs = program({', '.join(map(_box_text, self.leaves))})"]
        lines += [f"needed = program({', '.join(f'{leaf.name}_array' for leaf in self.leaves)})"]
        return "\n".join(lines)


def _inner_names(expression: str) -> set[str]:
    """Names that only a lambda of an expression reads."""
    code = compile(expression, "<program>", "eval")
    return {name for one in code.co_consts if hasattr(one, "co_names") for name in one.co_names}


def box_of(leaf: Leaf, name: str) -> Any:
    """The box that a leaf becomes, under a name."""
    array = leaf.array
    if leaf.kind == "constant":
        return fg.Constant(leaf.fed(), name=name)
    if leaf.kind == "parameter":
        return fg.Parameter(leaf.fed(), name=name)
    shape = ("N", *array.shape[1:]) if leaf.named else array.shape
    if leaf.kind == "random":
        return fg.Random(drawn_as(array), shape=shape, dtype=array.dtype, name=name)
    return fg.Input(name, shape=shape, dtype=array.dtype)


def drawn_as(array: np.ndarray[Any, Any]) -> Callable[..., Any]:
    """A draw of numbers like those of an array: normal ones, of its dtype."""
    return lambda generator, shape: generator.normal(size=shape).astype(array.dtype)


def array_text(leaf: Leaf) -> str:
    """The array of a leaf as code."""
    array = leaf.array
    text = f"np.array({_list_text(array.tolist())}, np.{array.dtype.name if array.dtype.kind != 'b' else 'bool_'})"
    if array.size == 0:
        text = f"np.zeros({array.shape}, np.{array.dtype.name if array.dtype.kind != 'b' else 'bool_'})"
    return text if leaf.layout == "a" else f"{text}  # laid out as {leaf.layout}"


def _list_text(values: Any) -> str:
    return repr(values).replace("inf", "np.inf").replace("nan", "np.nan")


def _box_text(leaf: Leaf) -> str:
    shape = repr(("N", *leaf.array.shape[1:]) if leaf.named else leaf.array.shape)
    dtype = f"np.{leaf.array.dtype.name if leaf.array.dtype.kind != 'b' else 'bool_'}"
    if leaf.kind == "input":
        return f'fg.Input("{leaf.name}", shape={shape}, dtype={dtype})'
    if leaf.kind == "random":
        return f"fg.Random(lambda g, s: g.normal(size=s).astype({dtype}), shape={shape}, dtype={dtype})"
    return f'fg.{leaf.kind.capitalize()}({leaf.name}_array, name="{leaf.name}")'
