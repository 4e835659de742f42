"""The settings of a box, each read as its annotation says, and the signature that shows them."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

import numpy as np

from flowgraph.box.axes import Core
from flowgraph.box.kinds import UNFIT, Kind, kind_of
from flowgraph.box.node import OF_EVERY_BOX, Node
from flowgraph.errors import DeclarationError, UsageError
from flowgraph.shapes.spec import Signature


def resolve_annotation(annotation: Any, module: str) -> Any:
    """An annotation that is written as text, in the names of a module; Any where it does not resolve there."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, dict(vars(sys.modules[module])))
    except (NameError, AttributeError, TypeError, KeyError, SyntaxError):
        return Any


_UNCHANGING = frozenset({int, bool, str, type(None)})
_MOST = 4096
_known: dict[tuple[Any, ...], dict[str, Any]] = {}
"""Settings that were read: most boxes of a class are given the same few, and these four types never change, nor do
tuples of them."""


def read_settings(cls: type[Node], given: dict[str, Any]) -> dict[str, Any]:
    """Every setting of a box: what is given, of the kind that its annotation says, else the default."""
    defaults = cls.default_settings
    for name, value in given.items():
        if value is not defaults.get(name, UNFIT):
            break
    else:
        if len(defaults) == len(cls.settings):
            return defaults
    types: tuple[Any, ...] = tuple(map(type, given.values()))
    if not _UNCHANGING.issuperset(types):
        types = tuple([tuple(map(type, v)) if type(v) is tuple else type(v) for v in given.values()])
        for kind in types:
            if not (_UNCHANGING.issuperset(kind) if type(kind) is tuple else kind in _UNCHANGING):
                return _read_settings(cls, given)
    key = (cls, types, *given.items())
    settings = _known.get(key)
    if settings is None:
        settings = _read_settings(cls, given)
        if all(field.default_factory is dataclasses.MISSING for field in cls.settings.values()):
            if len(_known) >= _MOST:
                _known.clear()
            _known[key] = settings
    return settings


def _read_settings(cls: type[Node], given: dict[str, Any]) -> dict[str, Any]:
    if not given.keys() <= cls.settings.keys():
        unknown = given.keys() - cls.settings.keys()
        raise UsageError(
            f"{cls.__name__}: found {sorted(unknown)[0]}=, but its settings are "
            f"{', '.join(cls.settings) or 'none'}; children are given by position"
        )
    chosen = {name: value for name, value in given.items() if value is not cls.settings[name].default}
    kinds = kinds_of(cls) if chosen else {}
    read: dict[str, Any] = {}
    for name, value in chosen.items():
        kind = kinds[name]
        read[name] = value if kind is None else kind.read_value(value)
        if read[name] is UNFIT and kind is not None:
            way_out = _way_out(cls, cls.settings[name])
            raise UsageError(f"{cls.__name__}: found {name}={_short(value)}, needs {kind.needed}{way_out}")
        read[name] = _unchanging(read[name])
    if len(read) < len(cls.settings):
        read |= {name: _default(cls, field) for name, field in cls.settings.items() if name not in read}
    return read


def _unchanging(setting: Any) -> Any:
    """The setting; of an array, or one in a tuple, a read-only copy, so that writing to the array changes no box."""
    if type(setting) is tuple:
        return (
            tuple(map(_unchanging, setting))
            if any(isinstance(part, np.ndarray | tuple) for part in setting)
            else setting
        )
    if not isinstance(setting, np.ndarray) or (setting.base is None and not setting.flags.writeable):
        return setting
    copy = setting.copy()
    copy.setflags(write=False)
    return copy


def kinds_of(cls: type[Node]) -> dict[str, Kind | None]:
    """What each setting may be, read once, when the first box of the class is built and its module is whole."""
    known: dict[str, Kind | None] | None = vars(cls).get("_setting_kinds")
    if known is None:
        known = {name: kind_of(annotation_of(cls, name)) for name in cls.settings}
        type.__setattr__(cls, "_setting_kinds", known)
    return known


def annotation_of(cls: type[Node], name: str) -> Any:
    """The annotation of a setting, in the names of the module that writes it."""
    owner = next(base for base in cls.__mro__ if name in vars(base).get("__annotations__", {}))
    return resolve_annotation(cls.settings[name].type, owner.__module__)


class BoxSignature:
    """`inspect.signature` of a box class: its children by position, its settings by keyword with types and defaults."""

    def __get__(self, box: Any, cls: type[Any]) -> inspect.Signature:
        constructor = next(base for base in cls.__mro__ if "__init__" in vars(base))
        if "child_names" not in vars(cls) or "__signature__" not in vars(constructor):
            raise AttributeError("__signature__")  # inspect then reads the constructor
        kinds = inspect.Parameter
        last = len(cls.child_names) - 1
        children = [
            kinds(name, kinds.VAR_POSITIONAL if cls.variadic and i == last else kinds.POSITIONAL_ONLY)
            for i, name in enumerate(cls.child_names)
        ]
        settings = [
            kinds(name, kinds.KEYWORD_ONLY, default=default_of(field), annotation=annotation_of(cls, name))
            for name, field in cls.settings.items()
        ]
        return inspect.Signature([*children, *settings, kinds("name", kinds.KEYWORD_ONLY, default=None)])


def _default(cls: type[Node], field: dataclasses.Field[Any]) -> Any:
    default = default_of(field)
    if default is inspect.Parameter.empty:
        raise UsageError(f"{cls.__name__}: needs the setting {field.name}=")
    return default


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The value of a setting that is not given; `inspect.Parameter.empty` where it has to be."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default


def _way_out(cls: type[Node], field: dataclasses.Field[Any]) -> str:
    """A value that fits: the default, or that of an example where there is none, or it is the same as none."""
    shown = default_of(field)
    if shown is None or shown is inspect.Parameter.empty:
        given = (example.settings.get(field.name) for example in cls.examples or ())
        shown = next((value for value in given if value is not None), shown)
    return "" if shown is inspect.Parameter.empty else f", such as {field.name}={shown!r}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def check_setting_names(cls: type[Node], annotations: Mapping[str, Any]) -> None:
    """Refuse a setting that would hide what every box has."""
    taken = OF_EVERY_BOX & annotations.keys()
    if taken:
        raise DeclarationError(f"{cls.__name__}: a setting cannot be called {sorted(taken)[0]!r}; a box has that name")


def read_fprop(cls: type[Node]) -> None:
    """Read the children from the parameters of fprop, or of bprop where fprop is inherited and takes any number."""
    if cls.fprop is _box_fprop(cls):
        raise DeclarationError(f"{cls.__name__}: declares no fprop; needs fprop(self, *values of the children)")
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
    cls.is_plain = (
        cls.built_in and {*keywords} <= {"needs"} and not cls.not_implemented_children and cls.constant is Node.constant
    )
    never = [i for i, name in enumerate(cls.child_names) if name in cls.constant_children]
    if cls.variadic and cls.child_names[-1] in cls.constant_children:
        never += range(len(cls.child_names), 128)  # there are at most 64 axes
    cls.constant_places = frozenset(never)
    if not rest and (cls.variadic or len(places) != len(cls.child_names) + 2):
        raise DeclarationError(
            f"{cls.__name__}.bprop: found the arguments {', '.join(places)}; needs the gradient "
            f"arriving, the own value, then one value per child ({', '.join(cls.child_names)})"
        )


_METHODS = (
    "axis_labels", "bprop", "check_settings", "flops", "fprop", "from_numpy", "infer", "infer_from_children",
    "slopes_of",
)  # fmt: skip
DECLARATIONS = (
    *_METHODS, "aliases", "analytic", "arithmetic", "calls_back", "constant_children", "core", "derivative", "domain",
    "examples", "formula", "kinks", "not_implemented_children", "numpy", "public", "remedies", "role", "saturates",
    "signature", "slopes", "surrogate", "symbol",
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


def check_kinds(cls: type[Node]) -> None:
    """Refuse a declaration of another kind than its annotation says, and methods that cannot be called."""
    for name in [name for name in DECLARATIONS if name in vars(cls)]:
        value, kind = getattr(cls, name), _kind_of_declaration(name)
        if kind is not None and kind.read_value(value) is UNFIT:
            raise DeclarationError(f"{cls.__name__}: found {name} = {_short(value)}, needs {kind.needed}")


@functools.cache
def _kind_of_declaration(name: str) -> Kind | None:
    """What a class may declare under a name."""
    if name in _METHODS:
        return kind_of(Callable)
    if name in ("core", "signature"):
        return kind_of(Core | None if name == "core" else str | Signature | None)
    (declared,) = get_args(resolve_annotation(Node.__annotations__[name], Node.__module__))
    return kind_of(declared)


def check_words(cls: type[Node]) -> None:
    """Refuse what is said of one child where there are others, and remedies that nothing would read."""
    if cls.saturates and len(cls.child_names) != 1:
        raise DeclarationError(
            f"{cls.__name__}: found saturates = {cls.saturates!r} and the children {', '.join(cls.child_names)}, needs "
            f"one child"
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
