"""Reads and validates what a box class declares, once, when the class is defined."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any, get_args

from flowgraph.box.node import Node
from flowgraph.box.vocabulary import Saturates, Slopes
from flowgraph.errors import DeclarationError
from flowgraph.shapes.spec import Signature


def check_setting_names(cls: type[Node], annotations: Mapping[str, Any]) -> None:
    """Refuse a setting that would hide what every box has."""
    taken = {"children", "name", "scope", "built_at", "outputs", "shape", "dtype"} & annotations.keys()
    if taken:
        raise DeclarationError(f"{cls.__name__}: a setting cannot be called {sorted(taken)[0]!r}; a box has that name")


def read_fprop(cls: type[Node]) -> None:
    """Read the children from the parameters of fprop."""
    if cls.fprop is _box_fprop(cls):
        raise DeclarationError(f"{cls.__name__}: declares no fprop; needs fprop(self, *values of the children)")
    parameters = list(inspect.signature(cls.fprop).parameters.values())[1:]
    for parameter in parameters:
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            raise DeclarationError(
                f"{cls.__name__}.fprop: found the keyword {parameter.name!r}, but fprop takes the values of the "
                f"children by position; declare a setting as an annotated field and read self.{parameter.name}"
            )
    cls.child_names = tuple(parameter.name for parameter in parameters)
    cls.variadic = bool(parameters) and parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL
    unknown = (set(cls.constant_children) | set(cls.domain)) - set(cls.child_names)
    if unknown:
        raise DeclarationError(
            f"{cls.__name__}: declares {sorted(unknown)[0]!r}, but its children are {', '.join(cls.child_names)}"
        )
    if not set(cls.not_implemented_children) <= set(cls.constant_children):
        raise DeclarationError(
            f"{cls.__name__}: declares not_implemented_children {', '.join(sorted(cls.not_implemented_children))}, "
            f"which constant_children has to name too, as no gradient is sent there"
        )


def _box_fprop(cls: type[Node]) -> Any:
    return next(vars(base)["fprop"] for base in reversed(cls.__mro__) if "fprop" in vars(base))


def read_bprop(cls: type[Node]) -> None:
    """Hold the parameters of bprop against those of fprop."""
    bprop = getattr(cls, "bprop", None)
    cls.has_bprop = bprop is not None
    if bprop is None:
        return
    parameters = list(inspect.signature(bprop).parameters.values())[1:]
    cls.takes_needs = any(p.name == "needs" and p.kind is p.KEYWORD_ONLY for p in parameters)
    positional = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
    open_ended = any(p.kind is p.VAR_POSITIONAL for p in positional)
    if not open_ended and (cls.variadic or len(positional) != len(cls.child_names) + 2):
        raise DeclarationError(
            f"{cls.__name__}.bprop: found the arguments {', '.join(p.name for p in positional)}; needs the gradient "
            f"arriving, the own value, then one value per child ({', '.join(cls.child_names)})"
        )


DECLARATIONS = (
    "analytic", "arithmetic", "bprop", "calls_back", "check_settings", "constant_children", "derivative", "domain",
    "examples", "flops", "formula", "fprop", "from_numpy", "infer", "infer_from_children", "kinks",
    "not_implemented_children", "numpy", "public", "remedies", "role", "saturates", "signature", "slopes",
    "slopes_of", "symbol",
)  # fmt: skip
"""What a class of boxes may declare."""


def check_misspelt(cls: type[Node], settings: Iterable[str]) -> None:
    """Refuse an attribute that is a declaration but for a letter, or for their order: it would do nothing."""
    known = {name for base in cls.__mro__[1:] for name in vars(base)}
    for name in vars(cls).keys() - known - set(settings):
        meant = next((one for one in DECLARATIONS if _is_misspelt(name, one)), None)
        if meant is not None and not name.startswith("_"):
            raise DeclarationError(
                f"{cls.__name__}: found {name}, which nothing reads, needs {meant}; call it otherwise if it is meant "
                f"for something else"
            )


def _is_misspelt(name: str, meant: str) -> bool:
    if sorted(name) == sorted(meant):
        return name != meant
    return len(name) > 6 and abs(len(name) - len(meant)) < 2 and SequenceMatcher(None, name, meant).ratio() > 0.87


def check_words(cls: type[Node]) -> None:
    """Refuse words for the slopes and the remedies that nothing would read."""
    if cls.slopes not in get_args(Slopes):
        raise DeclarationError(
            f"{cls.__name__}: found slopes = {cls.slopes!r}, needs one of {', '.join(map(repr, get_args(Slopes)))}"
        )
    if cls.saturates not in get_args(Saturates) or (cls.saturates and len(cls.child_names) != 1):
        raise DeclarationError(
            f"{cls.__name__}: found saturates = {cls.saturates!r} and the children {', '.join(cls.child_names)}, needs "
            f"one of {', '.join(map(repr, get_args(Saturates)))}, and one child"
        )
    unknown = cls.remedies.keys() - {"fprop", "bprop"}
    if unknown:
        raise DeclarationError(f"{cls.__name__}: found remedies for {sorted(unknown)[0]!r}, needs 'fprop' or 'bprop'")


def read_signature(cls: type[Node]) -> Signature:
    """Parse the signature and compare it with the children."""
    try:
        signature = Signature.parse(cls.signature)
    except ValueError as error:
        raise DeclarationError(f"{cls.__name__}: {error}") from None
    if not cls.variadic and len(signature.children) != len(cls.child_names):
        raise DeclarationError(
            f"{cls.__name__}: the signature {signature.text} has {len(signature.children)} children, "
            f"fprop has {len(cls.child_names)} ({', '.join(cls.child_names)})"
        )
    return signature
