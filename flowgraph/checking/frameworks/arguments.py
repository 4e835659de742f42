"""The arguments of a call as one flat list of NumPy arrays and settings, and the way back."""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.target import Inputs, parameter_names


class Opened(NamedTuple):
    """The members of a value with what to append to its name, and how to build the value of them again.

    `text` gives the expression for that from those of the members, where there is one. `fixed`: the shapes of the
    members are bound to something that is not among them.
    """

    members: list[tuple[str, Any]]
    build: Callable[[list[Any]], Any]
    text: Callable[..., str] | None = None
    fixed: bool = False


class ArrayKind(NamedTuple):
    """The array types of a framework.

    `to_numpy` gives the NumPy array of a framework's own array, and anything else unchanged; `opened` takes apart what
    only this framework knows, such as a registered pytree or a complex array, and gives None for everything else.
    """

    to_numpy: Callable[[Any], Any]
    opened: Callable[[Any], Opened | None] = lambda value: None


class _Leaf(NamedTuple):
    name: str
    value: Any
    fixed: bool


Nest: TypeAlias = Callable[[Iterator[Any], bool], Any]
"""The value of its next leaves, or its expression of theirs, where there is one."""


@dataclass(frozen=True)
class Arguments:
    """`inputs` are NumPy arrays and settings, one name each, `originals` what they were in the framework.

    A list, tuple, dict or dataclass that holds an array is taken apart, and so is what the framework knows to take
    apart; everything else is passed as it is; `nests` put it together, the last but `own` of them for `keywords`.
    `fixed` are the positions whose shape cannot be another one. The inputs from `first_own` on are no arguments but
    parameters of the function itself, `own` of them before they were taken apart.
    """

    inputs: Inputs
    originals: Inputs
    names: tuple[str, ...]
    nests: tuple[Nest, ...]
    keywords: tuple[str, ...]
    fixed: frozenset[int]
    own: int
    first_own: int

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        given: Sequence[Any],
        keywords: Mapping[str, Any],
        kind: ArrayKind,
        own: Mapping[str, Any],
    ) -> Arguments:
        """The positional arguments of a call, those by name, and the function's own parameters, taken apart."""
        leaves: list[_Leaf] = []
        named = [*zip(parameter_names(_inspected(function), len(given)), given, strict=True), *keywords.items()]
        nests = [_taken_apart(value, name, kind, False, leaves) for name, value in named]
        first_own = len(leaves)
        nests += [_taken_apart(value, name, kind, True, leaves) for name, value in own.items()]
        return cls(
            tuple(kind.to_numpy(leaf.value) for leaf in leaves),
            tuple(leaf.value for leaf in leaves),
            tuple(leaf.name for leaf in leaves),
            tuple(nests),
            tuple(keywords),
            frozenset(place for place, leaf in enumerate(leaves) if leaf.fixed),
            len(own),
            first_own,
        )

    def put_together(self, values: Iterable[Any], written: bool = False) -> tuple[list[Any], dict[str, Any], list[Any]]:
        """The arguments of the call, those by name, and the function's own, with `values` where `inputs` were.

        With `written` of expressions the expressions, None where there is none.
        """
        iterator = iter(values)
        whole = [nest(iterator, written) for nest in self.nests]
        given = len(whole) - self.own
        positional = given - len(self.keywords)
        by_name = dict(zip(self.keywords, whole[positional:given], strict=True))
        return whole[:positional], by_name, whole[given:]


def arrays_in(value: Value) -> Iterator[Any]:
    """The leaves of nested lists, tuples, dicts and dataclasses."""
    opened = _opened(value)
    if opened is None:
        yield value
        return
    for _, member in opened.members:
        yield from arrays_in(member)


def _inspected(function: Any) -> Callable[..., Any]:
    """The function whose signature has the names: forward of a module or autograd.Function, or a wrapped one."""
    forward = getattr(function, "forward", None)
    if forward is None:
        return getattr(function, "fun", function)  # type: ignore[no-any-return]
    with_context = inspect.isclass(function) and next(iter(inspect.signature(forward).parameters), "")
    return functools.partial(forward, None) if with_context in ("ctx", "context") else forward


def _taken_apart(value: Value, name: str, kind: ArrayKind, fixed: bool, leaves: list[_Leaf]) -> Nest:
    """What puts the value together again; its leaves are added to the others."""
    opened = kind.opened(value) or (_opened(value) if _holds_arrays(value, kind) else None)
    if opened is None:
        leaves.append(_Leaf(name.lstrip("."), value, fixed))
        return lambda values, written: next(values)
    build, text, fixed = opened.build, opened.text, fixed or opened.fixed
    nests = [_taken_apart(member, name + label, kind, fixed, leaves) for label, member in opened.members]

    def together(values: Iterator[Any], written: bool) -> Any:
        members = [nest(values, written) for nest in nests]
        if not written:
            return build(members)
        return None if text is None or None in members else text(*members)

    return together


def _holds_arrays(value: Value, kind: ArrayKind) -> bool:
    return any(
        kind.opened(leaf) is not None or isinstance(kind.to_numpy(leaf), np.ndarray) for leaf in arrays_in(value)
    )


def _opened(value: Value) -> Opened | None:
    """The members of what Python itself has to hold several values; None for anything else."""
    if isinstance(value, dict):
        keys = list(value)
        return Opened(
            [(f".{key}", value[key]) for key in keys],
            lambda found: type(value)(zip(keys, found, strict=True)),
            lambda *texts: "{" + ", ".join(f"{key!r}: {one}" for key, one in zip(keys, texts, strict=True)) + "}",
        )
    if isinstance(value, list | tuple):
        members = [(f".{place}", member) for place, member in enumerate(value)]
        if hasattr(value, "_fields"):
            return Opened(members, lambda found: type(value)(*found))
        return Opened(members, type(value), lambda *texts: f"{type(value).__name__}([{', '.join(texts)}])")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [one.name for one in dataclasses.fields(value)]
        members = [(f".{name}", getattr(value, name)) for name in names if hasattr(value, name)]
        return Opened(members, lambda found: _with_fields(value, [label[1:] for label, _ in members], found))
    return None


def _with_fields(value: Value, names: Sequence[str], members: Sequence[Any]) -> Any:
    """A copy with other fields, made without the constructor, which may compute or check something."""
    made = copy.copy(value)
    for name, member in zip(names, members, strict=True):
        object.__setattr__(made, name, member)
    return made
