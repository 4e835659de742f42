"""The settings of a box as they are given: read by their annotations, and shown in the signature of the class."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np

from flowgraph.box.node import Node
from flowgraph.box.setting_kinds import UNFIT, Kind, kind_of, resolved
from flowgraph.errors import UsageError

_PLAIN = frozenset({int, bool, str, type(None)})
_MOST = 4096
_known: dict[tuple[Any, ...], dict[str, Any]] = {}
"""Settings that were read: most boxes of a class are given the same few, and these four types never change, nor do
tuples of them."""


def read_settings(cls: type[Node], given: dict[str, Any]) -> dict[str, Any]:
    """Every setting of a box: what is given, of the kind that its annotation says, else the default."""
    types: tuple[Any, ...] = tuple(map(type, given.values()))
    if not _PLAIN.issuperset(types):
        types = tuple([tuple(map(type, one)) if type(one) is tuple else type(one) for one in given.values()])
        for one in types:
            if not (_PLAIN.issuperset(one) if type(one) is tuple else one in _PLAIN):
                return _read(cls, given)
    key = (cls, types, *given.items())
    found = _known.get(key)
    if found is None:
        found = _read(cls, given)
        if all(field.default_factory is dataclasses.MISSING for field in cls.settings.values()):
            if len(_known) >= _MOST:
                _known.clear()
            _known[key] = found
    return found


def _read(cls: type[Node], given: dict[str, Any]) -> dict[str, Any]:
    if not given.keys() <= cls.settings.keys():
        unknown = given.keys() - cls.settings.keys()
        raise UsageError(
            f"{cls.__name__}: found {sorted(unknown)[0]}=, but its settings are "
            f"{', '.join(cls.settings) or 'none'}; children are given by position"
        )
    kinds = kinds_of(cls) if given else {}
    read: dict[str, Any] = {}
    for name, value in given.items():
        kind = kinds[name]
        read[name] = value if kind is None else kind.read(value)
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
            tuple(map(_unchanging, setting)) if any(isinstance(one, np.ndarray | tuple) for one in setting) else setting
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
    return resolved(cls.settings[name].type, owner.__module__)


class BoxSignature:
    """`inspect.signature` of a box class: its children by position, its settings by keyword with types and defaults."""

    def __get__(self, box: Any, cls: type[Any]) -> inspect.Signature:
        constructor = next(base for base in cls.__mro__ if "__init__" in vars(base))
        if "child_names" not in vars(cls) or constructor.__name__ != "Box":
            raise AttributeError("__signature__")  # inspect then reads the constructor
        kinds = inspect.Parameter
        last = len(cls.child_names) - 1
        children = [
            kinds(name, kinds.VAR_POSITIONAL if cls.variadic and i == last else kinds.POSITIONAL_ONLY)
            for i, name in enumerate(cls.child_names)
        ]
        settings = [
            kinds(name, kinds.KEYWORD_ONLY, default=_shown_default(field), annotation=annotation_of(cls, name))
            for name, field in cls.settings.items()
        ]
        return inspect.Signature([*children, *settings, kinds("name", kinds.KEYWORD_ONLY, default=None)])


def _default(cls: type[Node], field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    if field.default is dataclasses.MISSING:
        raise UsageError(f"{cls.__name__}: needs the setting {field.name}=")
    return field.default


def _shown_default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default


def _way_out(cls: type[Node], field: dataclasses.Field[Any]) -> str:
    """A value that fits: the default, or that of an example."""
    fits = [one.settings[field.name] for one in cls.examples or () if field.name in one.settings]
    default = _shown_default(field)
    shown = default if default is not inspect.Parameter.empty else fits[0] if fits else inspect.Parameter.empty
    return "" if shown is inspect.Parameter.empty else f", such as {field.name}={shown!r}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
