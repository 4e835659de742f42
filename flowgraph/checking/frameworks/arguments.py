"""The arguments of a call as one flat list of NumPy arrays and settings, and the way back."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box.value import Value
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


@dataclass(frozen=True)
class Arguments:
    """`inputs` are NumPy arrays and settings, one name each, `originals` what they were in the framework.

    A list, tuple, dict or dataclass that holds an array is taken apart, and so is what the framework knows to take
    apart; everything else is passed as it is; `nests` say how, the last of them for `keywords`. `fixed` are the
    positions whose shape cannot be another one. The inputs from `first_own` on are no arguments but parameters of the
    function itself, `own` of them before they were taken apart.
    """

    inputs: Inputs
    originals: Inputs
    names: tuple[str, ...]
    nests: tuple[Any, ...]
    keywords: tuple[str, ...] = ()
    fixed: frozenset[int] = frozenset()
    own: int = 0
    first_own: int = 0

    @classmethod
    def of(
        cls, function: Callable[..., Any], given: Sequence[Any], keywords: Mapping[str, Any], kind: ArrayKind
    ) -> Arguments:
        """The positional arguments of a call and those by name, taken apart."""
        named = [*zip(parameter_names(_inspected(function), len(given)), given, strict=True), *keywords.items()]
        leaves: list[_Leaf] = []
        nests = []
        for name, value in named:
            nest, found = _taken_apart(value, name, kind, False)
            nests.append(nest)
            leaves += found
        return cls._of_leaves(leaves, kind, nests=tuple(nests), keywords=tuple(keywords), first_own=len(leaves))

    @classmethod
    def _of_leaves(cls, leaves: Sequence[_Leaf], kind: ArrayKind, **rest: Any) -> Arguments:
        return cls(
            tuple(kind.to_numpy(leaf.value) for leaf in leaves),
            tuple(leaf.value for leaf in leaves),
            tuple(leaf.name for leaf in leaves),
            fixed=frozenset(place for place, leaf in enumerate(leaves) if leaf.fixed),
            **rest,
        )

    def with_own(self, parameters: Mapping[str, Any], kind: ArrayKind) -> Arguments:
        """The arguments followed by the function's own parameters, whose shapes are fixed."""
        fixed = (place in self.fixed for place in range(len(self.inputs)))
        leaves = [_Leaf(*one) for one in zip(self.names, self.originals, fixed, strict=True)]
        nests, first_own = list(self.nests), len(leaves)
        for name, value in parameters.items():
            nest, found = _taken_apart(value, name, kind, True)
            nests.append(nest)
            leaves += found
        return Arguments._of_leaves(
            leaves, kind, nests=tuple(nests), keywords=self.keywords, own=len(parameters), first_own=first_own
        )

    def put_together(self, values: Sequence[Any]) -> tuple[list[Any], dict[str, Any], list[Any]]:
        """The arguments of the call, those by name, and the function's own, with `values` where `inputs` were."""
        iterator = iter(values)
        whole = [_put_together(nest, iterator) for nest in self.nests]
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
    if inspect.isclass(function) and next(iter(inspect.signature(forward).parameters), "") in ("ctx", "context"):
        return _without_first(forward)
    return forward  # type: ignore[no-any-return]


def _without_first(forward: Callable[..., Any]) -> Callable[..., Any]:
    def call(*inputs: Any) -> Any:
        return forward(None, *inputs)

    signature = inspect.signature(forward)
    call.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    return call


def _taken_apart(value: Value, name: str, kind: ArrayKind, fixed: bool) -> tuple[Any, list[_Leaf]]:
    """A nest and the leaves. The nest is None for a leaf, else (how to build it, its text, its nests)."""
    opened = kind.opened(value) or (_opened(value) if _holds_arrays(value, kind) else None)
    if opened is None:
        return None, [_Leaf(name.lstrip("."), value, fixed)]
    apart = [_taken_apart(member, name + label, kind, fixed or opened.fixed) for label, member in opened.members]
    leaves = [leaf for _, found in apart for leaf in found]
    return (opened.build, opened.text, [nest for nest, _ in apart]), leaves


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


def _put_together(nest: Any, values: Iterator[Any]) -> Any:
    if nest is None:
        return next(values)
    build, _, nests = nest
    return build([_put_together(inner, values) for inner in nests])
