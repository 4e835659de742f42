"""A registry of converters from functions and networks of other libraries, filled without importing these."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Maker = TypeVar("Maker", bound=Callable[..., Any])

_makers: dict[str, Callable[..., Any]] = {}


def graph_maker_for(*packages: str) -> Callable[[Maker], Maker]:
    """Register what makes the graph of an object of another library: a function of the object and of examples.

    `packages` are those in which the class of the object, or that of an example, is defined.
    """

    def register(maker: Maker) -> Maker:
        _makers.update(dict.fromkeys(packages, maker))
        return maker

    return register


def graph_maker_of(objects: Iterable[Any]) -> Callable[..., Any] | None:
    """Who makes the graph of the first of these objects that comes from a registered package, None for none of them."""
    for item in objects:
        for cls in type(item).__mro__:
            maker = _makers.get(cls.__module__.partition(".")[0])
            if maker is not None:
                return maker
    return None
