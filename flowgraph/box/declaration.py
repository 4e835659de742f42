"""Reads and validates what a box class declares, once, when the class is defined."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from flowgraph.box.node import OF_EVERY_BOX, Node
from flowgraph.box.vocabulary import Saturates, Slopes
from flowgraph.errors import DeclarationError
from flowgraph.shapes.spec import Signature


def check_setting_names(cls: type[Node], annotations: Mapping[str, Any]) -> None:
    """Refuse a setting that would hide what every box has."""
    taken = OF_EVERY_BOX & annotations.keys()
    if taken:
        raise DeclarationError(f"{cls.__name__}: a setting cannot be called {sorted(taken)[0]!r}; a box has that name")


def read_fprop(cls: type[Node]) -> None:
    """Read the children from the parameters of fprop, or of bprop where fprop is inherited and takes any number."""
    if cls.fprop is _box_fprop(cls):
        raise DeclarationError(f"{cls.__name__}: declares no fprop; needs fprop(self, *values of the children)")
    if not callable(cls.fprop):
        raise DeclarationError(
            f"{cls.__name__}: found fprop = {cls.fprop!r}, needs fprop(self, *values of the children)"
        )
    places, rest, keywords = _parameters(cls.fprop)
    bprop = getattr(cls, "bprop", None)
    if rest and "fprop" not in vars(cls) and bprop is not None:  # one fprop for boxes of any number of children
        of_bprop, more, _ = _parameters(bprop)
        places, rest = (places, rest) if more else (of_bprop[2:], ())
    first = getattr(getattr(cls.fprop, "__code__", None), "co_varnames", ("self",))[:1]
    if not places and not rest and first not in ((), ("self",)):
        raise DeclarationError(
            f"{cls.__name__}.fprop: found the parameter {first[0]} alone, which is the box itself; needs "
            f"fprop(self, {first[0]})"
        )
    if keywords:
        raise DeclarationError(
            f"{cls.__name__}.fprop: found the keyword {keywords[0]!r}, but fprop takes the values of the "
            f"children by position; declare a setting as an annotated field and read self.{keywords[0]}"
        )
    cls.child_names = places + rest
    cls.variadic = bool(rest)
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


def _parameters(method: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The names of the parameters of a method after `self`: by position, the rest of these (`*a`), by keyword.

    A plain function holds them in this order; `inspect.signature`, which takes ten times as long, reads any other.
    """
    code = getattr(method, "__code__", None)
    if code is not None and not hasattr(method, "__wrapped__"):
        names, count, last = code.co_varnames, code.co_argcount, code.co_argcount + code.co_kwonlyargcount
        rest = last + bool(code.co_flags & inspect.CO_VARARGS)
        more = rest + bool(code.co_flags & inspect.CO_VARKEYWORDS)
        return names[1:count], names[last:rest], names[count:last] + names[rest:more]
    parameters = list(inspect.signature(method).parameters.values())[1:]
    kinds = inspect.Parameter
    by_kind = [
        tuple(p.name for p in parameters if p.kind in kind)
        for kind in (
            {kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD},
            {kinds.VAR_POSITIONAL},
            {kinds.KEYWORD_ONLY, kinds.VAR_KEYWORD},
        )
    ]
    return by_kind[0], by_kind[1], by_kind[2]


def _box_fprop(cls: type[Node]) -> Any:
    return next(vars(base)["fprop"] for base in reversed(cls.__mro__) if "fprop" in vars(base))


def read_bprop(cls: type[Node]) -> None:
    """Hold the parameters of bprop against those of fprop."""
    bprop = getattr(cls, "bprop", None)
    cls.has_bprop = bprop is not None
    if bprop is None:
        return
    places, rest, keywords = _parameters(bprop)
    cls.takes_needs = "needs" in keywords
    if not rest and (cls.variadic or len(places) != len(cls.child_names) + 2):
        raise DeclarationError(
            f"{cls.__name__}.bprop: found the arguments {', '.join(places)}; needs the gradient "
            f"arriving, the own value, then one value per child ({', '.join(cls.child_names)})"
        )


DECLARATIONS = (
    "aliases", "analytic", "arithmetic", "bprop", "calls_back", "check_settings", "constant_children", "core",
    "derivative", "domain", "examples", "flops", "formula", "fprop", "from_numpy", "infer", "infer_from_children",
    "kinks", "not_implemented_children", "numpy", "public", "remedies", "role", "saturates", "signature", "slopes",
    "slopes_of", "symbol",
)  # fmt: skip
"""What a class of boxes may declare."""


def check_misspelt(cls: type[Node], settings: Iterable[str]) -> None:
    """Refuse an attribute whose name is that of a declaration with a typing error: it would do nothing."""
    known = {*DECLARATIONS, *settings}
    public = [name for name in vars(cls) if not name.startswith("_") and name not in known]
    for name in public:
        inherited = any(name in vars(base) for base in cls.__mro__[1:])
        meant = None if inherited else next((word for word in DECLARATIONS if _is_misspelt(name, word)), None)
        if meant is not None:
            raise DeclarationError(
                f"{cls.__name__}: found {name}, which nothing reads, needs {meant}; call it otherwise if it is meant "
                f"for something else"
            )


def _is_misspelt(name: str, meant: str) -> bool:
    """Whether a name has the letters of a declaration in another order, or one letter more, less or other than it."""
    if abs(len(name) - len(meant)) > 1:
        return False
    if sorted(name) == sorted(meant):
        return True
    start = _common_letters(name, meant)
    end = _common_letters(name[start:][::-1], meant[start:][::-1])
    return len(name) > 6 and max(len(name), len(meant)) - start - end <= 1


def _common_letters(word: str, other: str) -> int:
    """How many letters two words have in common from the front."""
    return next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))


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
