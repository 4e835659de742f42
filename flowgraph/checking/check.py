"""fg.check: whether the gradients are right, of whatever kind the target is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from flowgraph.box import Box
from flowgraph.checking.cases import Case
from flowgraph.checking.check_box import check_built, check_case, check_class
from flowgraph.checking.check_function import check_function
from flowgraph.checking.check_graph import check_graph
from flowgraph.checking.check_target import BUDGET, SECONDS, check_target, shielded
from flowgraph.checking.frameworks import check_framework
from flowgraph.checking.report import Report
from flowgraph.checking.reproduce import definition_of
from flowgraph.checking.scope import Asked, Words
from flowgraph.checking.target import Target
from flowgraph.errors import UsageError
from flowgraph.graph import Graph

if TYPE_CHECKING:
    from flowgraph.checking.frameworks.recognition import FrameworkName


class Effort(NamedTuple):
    """How much one target may take: calls of fprop, and seconds of the processor.

    Those are more where a framework runs the function, which may compile it for every shape.
    """

    budget: int
    seconds: float
    framework_seconds: float


EFFORTS = {
    "fast": Effort(2_000, 0.5, 1.0),
    "normal": Effort(BUDGET, SECONDS, 12.0),
    "thorough": Effort(300_000, 15.0, 60.0),
}


def check(  # noqa: PLR0913  a keyword for each thing that a user may declare
    target: Any,
    *inputs: Any,
    bprop: Callable[..., Any] | None = None,
    order: int = 1,
    seed: int = 0,
    budget: int | None = None,
    valid: Callable[..., Any] | None = None,
    names: Sequence[str] | None = None,
    second: Callable[..., Any] | None = None,
    framework: FrameworkName | None = None,
    strict: bool | None = None,
    vary: Words = None,
    fixed: Words = None,
    effort: Literal["fast", "normal", "thorough"] = "normal",
    **feeds: Any,
) -> Report:
    """Are the gradients right, wherever the value is defined? Of a box class, a box, a graph, or functions.

    - `check(Softmax)`: a box class, on every example that it declares; all its settings are varied
    - `check(box)`: a built box with its settings, on values drawn from its declarations
    - `check(graph, x=..., y=...)`: every box in place at the values of that run, then end to end on the parameters
    - `check(function, *arrays)`: a function written in NumPy, through the graph that it builds
    - `check(function, *arguments)` of torch, JAX, autograd or MyGrad: a function of their arrays, a torch module with
      its parameters, an autograd.Function; recognised by its arguments or by itself, or named by `framework=`
    - `check(fprop, *inputs, bprop=bprop)`: is `bprop(grad, output, *inputs)` the gradient of `fprop(*inputs)`?

    Float arrays and floats are differentiated, everything else is a setting that is varied too, and so are float
    defaults (`slope=0.1`) that fprop and bprop have in common.

    The example is the contract: ranks, sizes that are equal, the types and signs of settings, and annotations; an
    elementwise function also broadcasts. A wrong number is a failure there, and beyond it where fprop means what it
    computes, as for a stack of examples. Where it means nothing, and where `bprop` raises or returns another shape
    beyond the example, that is a note of the report, and with `strict=True`, the default for box classes, boxes and
    graphs, a failure.

    `valid(*inputs)` says which derived inputs are within the contract, where fprop does not raise outside of it; of a
    box it is called with the children, and with the settings that it names. `vary=` and `fixed=` choose what is varied:
    any of "values", "shapes", "settings", "dtypes", and names of inputs. `order=2` also checks the second derivative:
    of boxes by their gradient graph, of functions through `second`, the bprop of bprop, if it is given. `budget` bounds
    the calls of fprop. `effort` bounds them and the seconds of the processor for one target: "fast" (0.5 s, 1 s where a
    framework runs it), "normal" (3 s, 12 s), "thorough" (15 s, 60 s); what is wrong takes up to 1.5 s more to explain.
    Raises UsageError for what cannot be checked, and for options that a target does not have.

    >>> import numpy as np, flowgraph as fg
    >>> fg.check(np.sin, np.array([0.5, 2.0]), bprop=lambda grad, output, x: (grad * np.cos(x),)).verdict
    'pass'
    """
    if effort not in EFFORTS:
        raise UsageError(f"check: effort={effort!r} is not known; there are {', '.join(EFFORTS)}")
    limits = EFFORTS[effort]
    budget = budget or (None if effort == "normal" else limits.budget)
    asked = Asked(order, seed, budget, valid, names, strict, vary, fixed)
    with shielded():
        if bprop is None:
            return _of_its_own_kind(target, inputs, feeds, asked, framework, limits)
        pair = Target.of_functions(target, bprop, inputs, names, valid, second)
        return check_target(with_defaults(pair), order, seed, budget, limits.seconds, scope=asked.scope(strict=False))


def _of_its_own_kind(
    target: object,
    inputs: tuple[Any, ...],
    feeds: Mapping[str, Any],
    asked: Asked,
    framework: str | None,
    limits: Effort,
) -> Report:
    """Without a bprop: the target knows its own."""
    if isinstance(target, Graph):
        return check_graph(target, _feeds(inputs, feeds), asked)
    if callable(target) and not _is_of_boxes(target):
        foreign = check_framework(target, inputs, feeds, asked, framework, limits.framework_seconds)
        if foreign is not None:
            return foreign
    if feeds:
        raise UsageError(
            f"check: found {next(iter(feeds))}=, but only the inputs of a graph and the arguments of a function of "
            "torch, JAX, autograd or MyGrad are given by name"
        )
    if isinstance(target, type) and issubclass(target, Box):
        _alone(target.__name__, inputs)
        return check_class(target, asked)
    if isinstance(target, Box):
        _alone(target.title, inputs)
        return check_built(target, asked)
    if isinstance(target, Case):
        asked.refuse("a case is checked at its own values", "valid", "vary", "fixed", "names")
        return check_case(target, asked, vary=False, regimes=False)
    if callable(target):
        return check_function(target, inputs, asked)
    raise UsageError(f"check: found {type(target).__name__}, needs a box class, a box, a Graph, or a function")


def _is_of_boxes(target: object) -> bool:
    return isinstance(target, Box | Case) or (isinstance(target, type) and issubclass(target, Box))


def _feeds(inputs: tuple[Any, ...], feeds: Mapping[str, Any]) -> dict[Any, Any]:
    if len(inputs) > 1 or not all(isinstance(one, Mapping) for one in inputs):
        raise UsageError("check: a graph is given its inputs by name, x=..., or as one dict of boxes")
    return {**(inputs[0] if inputs else {}), **feeds}


def _alone(name: str, inputs: tuple[Any, ...]) -> None:
    if inputs:
        raise UsageError(
            f"check: found {len(inputs)} values beside {name}, which draws its own from its declarations; "
            f"add an example to the class for values of yours"
        )


@dataclass(frozen=True)
class WithSettings:
    """A function whose last arguments go by name."""

    function: Callable[..., Any]
    names: tuple[str, ...]

    def __call__(self, *arguments: Any) -> Any:
        """The function's value, with its last arguments by name."""
        count = len(arguments) - len(self.names)
        return self.function(*arguments[:count], **dict(zip(self.names, arguments[count:], strict=True)))


@dataclass(frozen=True)
class WithoutSettings:
    """A function of the inputs alone, which is given the settings that it names."""

    function: Callable[..., Any]
    names: tuple[str, ...]

    def __call__(self, *inputs: Any) -> Any:
        """The function's value, given those of the settings that it names."""
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
