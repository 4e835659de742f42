"""Float defaults that fprop and bprop share, `slope=0.1`, are settings: varied, though they were not given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flowgraph.checking.reproduce import definition_of
from flowgraph.checking.target import Target


@dataclass(frozen=True)
class WithSettings:
    """A function whose last arguments go by name."""

    function: Callable[..., Any]
    names: tuple[str, ...]

    def __call__(self, *arguments: Any) -> Any:
        count = len(arguments) - len(self.names)
        return self.function(*arguments[:count], **dict(zip(self.names, arguments[count:], strict=True)))


@dataclass(frozen=True)
class WithoutSettings:
    """A function of the inputs alone, which is given the settings that it names."""

    function: Callable[..., Any]
    names: tuple[str, ...]

    def __call__(self, *inputs: Any) -> Any:
        count = len(inputs) - len(self.names)
        known = _defaults(self.function, 0)
        settings = dict(zip(self.names, inputs[count:], strict=True))
        return self.function(*inputs[:count], **{name: settings[name] for name in settings if name in known})


def with_defaults(target: Target) -> Target:
    """The target with the float defaults of its functions as further inputs; itself where it has none."""
    count = len(target.inputs)
    of_fprop, of_bprop = _defaults(target.fprop, count), _defaults(target.bprop, count + 2)
    shared = {
        name: value for name, value in of_bprop.items() if type(value) is float and of_fprop.get(name, None) == value
    }
    bound = any(name not in of_fprop for name in of_bprop)  # `lambda g, y, x, k2=k * k`: it would not follow k
    if bound or not shared or target.second is not None or set(shared) & set(target.names):
        return target
    names = tuple(shared)
    return replace(
        target,
        fprop=WithSettings(target.fprop, names),
        bprop=WithSettings(target.bprop, names),
        inputs=(*target.inputs, *shared.values()),
        names=(*target.names, *names),
        defaulted=len(names),
        valid=None if target.valid is None else WithoutSettings(target.valid, names),
        definition=(*definition_of("fprop", target.fprop), *definition_of("bprop", target.bprop)),
    )


def _defaults(function: Callable[..., Any], given: int) -> Mapping[str, Any]:
    """The parameters that have a default, beyond the first `given` positions."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return {}
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    taken = {p.name for p in positional[:given]} | {p.name for p in parameters if p.kind is p.POSITIONAL_ONLY}
    return {p.name: p.default for p in parameters if p.default is not p.empty and p.name not in taken}
