"""fg.check: whether the gradients are right, of whatever kind the target is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Literal

from flowgraph.box import Box, Leaf, registry
from flowgraph.checking.cases import Case
from flowgraph.checking.check_graph import check_built, check_case, check_class, check_function, check_graph
from flowgraph.checking.check_target import check_target, shielded
from flowgraph.checking.frameworks.check_framework import FrameworkName, check_framework
from flowgraph.checking.report import Report
from flowgraph.checking.scope import EFFORTS, Asked, Words, with_settings
from flowgraph.checking.target import Target
from flowgraph.errors import UsageError
from flowgraph.graph import Graph


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
    """Check the gradients of a box class, a box, a graph or functions, wherever the value is defined.

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
    any of "values", "shapes", "settings", "dtypes", and names of inputs. What is given by name, `axis=1`, is an
    argument of the function; of one written in NumPy it is a setting, which its bprop is given too if it takes it.

    `order=2` also checks the second derivative: of boxes by their gradient graph, of functions through `second`, the
    bprop of bprop, if it is given. `budget` bounds the calls of fprop. `effort` bounds them and the seconds of the
    processor: "fast" (0.5 s for a function, 1 s where a framework runs it or for a class of boxes, 4 s for a graph),
    "normal" (3 s, 12 s, 6 s, 30 s), "thorough" (five times these); what is wrong takes up to 0.5 s, 1.5 s or 3 s more
    to explain.

    Parameters
    ----------
    target : type of Box, Box, Graph or function
        What is checked.
    *inputs : array_like
        The example: arguments of a function.
    bprop : function, optional
        `bprop(grad, output, *inputs)` returns one gradient per input; without it `target` is differentiated by its
        framework.
    order : {1, 2}, default 1
        Whether the second derivative is checked too.
    seed : int, default 0
        What fixes the draws.
    budget : int, optional
        Largest number of calls of fprop.
    valid : function, optional
        Says which derived inputs are within the contract.
    names : sequence of str, optional
        Names of the inputs, in messages.
    second : function, optional
        The bprop of bprop.
    framework : {'numpy', 'torch', 'jax', 'autograd', 'mygrad'}, optional
        Whose function it is; by default it is recognised.
    strict : bool, optional
        Whether what fails beyond the example is a failure, and not a note.
    vary, fixed : str or sequence of str, optional
        What is varied, and what is not: "values", "shapes", "settings", "dtypes", names of inputs.
    effort : {'fast', 'normal', 'thorough'}, default 'normal'
        How long it may take.
    **feeds
        Inputs of a graph, or settings of a function, by name.

    Returns
    -------
    Report
        `passed`, `verdict`, `failures`; `print` shows it.

    Raises
    ------
    UsageError
        For what cannot be checked, and for options that a target does not have.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> fg.check(np.sin, np.array([0.5, 2.0]), bprop=lambda grad, output, x: (grad * np.cos(x),)).verdict
    'pass'
    """
    if effort not in EFFORTS:
        raise UsageError(f"check: found effort={effort!r}, needs one of {', '.join(EFFORTS)}")
    asked = Asked(order, seed, budget, valid, names, strict, vary, fixed, EFFORTS[effort])
    with shielded():
        if bprop is None:
            return _of_its_own_kind(target, inputs, feeds, asked, framework)
        pair = with_settings(Target.of_functions(target, bprop, inputs, names, valid, second), feeds, defaults=True)
        return check_target(pair, order, seed, asked.calls, asked.effort.function, scope=asked.scope(strict=False))


def _of_its_own_kind(
    target: object, inputs: tuple[Any, ...], feeds: Mapping[str, Any], asked: Asked, framework: str | None
) -> Report:
    """Without a bprop: the target knows its own."""
    if isinstance(target, Graph):
        return check_graph(target, _feeds(inputs, feeds), asked)
    if callable(target) and not _is_of_boxes(target):
        foreign = check_framework(target, inputs, feeds, asked, framework)
        return check_function(target, inputs, feeds, asked) if foreign is None else foreign
    if feeds:
        raise UsageError(
            f"check: found {next(iter(feeds))}=, but only the inputs of a graph and the arguments of a function are "
            "given by name"
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


NEEDED = (
    "a box class, a box, a graph, a tuple of a function, a module of torch or an autograd.Function and its arguments, "
    "or functools.partial(fg.check, function, ...)"
)


def is_example(thing: Any) -> bool:
    """Whether it is what `fg.check` takes, written down: a tuple of a callable and its arguments, or a partial call."""
    if isinstance(thing, functools.partial):
        return thing.func is check
    return isinstance(thing, tuple) and len(thing) > 1 and callable(thing[0]) and any(map(_is_array, thing[1:]))


def checked(thing: Any, **options: Any) -> Report:
    """fg.check of a box class, a box, a graph or an example; options of a partial call are kept."""
    if isinstance(thing, functools.partial):
        return check(*thing.args, **{**options, **thing.keywords})
    return check(*thing, **options) if isinstance(thing, tuple) else check(thing, **options)


def target_of(thing: Any) -> Any:
    """The function or class of an example, to find its place in the source."""
    if isinstance(thing, functools.partial):
        return thing.args[0] if thing.args else thing
    return thing[0] if isinstance(thing, tuple) else thing


def targets_of(module: ModuleType) -> dict[str, Any]:
    """By name, in the order of the source: box classes that the module defines, and examples at its top."""
    boxes = [cls for cls in classes_of(module) if cls.__module__ == module.__name__]
    found: dict[str, Any] = {cls.__qualname__: cls for cls in boxes if cls.examples is not None}
    return {**found, **{name: thing for name, thing in vars(module).items() if is_example(thing)}}


def classes_of(module: ModuleType) -> list[type[Box]]:
    """The box classes that the module itself defines, in their order, those of a package in all its modules."""
    inside = module.__name__ + "."
    package = hasattr(module, "__path__")
    return [
        cls
        for cls in registry.values()
        if (cls.__module__ == module.__name__ or (package and cls.__module__.startswith(inside)))
        and not issubclass(cls, Leaf)
    ]


def is_checkable(thing: Any) -> bool:
    """Whether it can be checked as it is."""
    return isinstance(thing, Box | Graph) or (inspect.isclass(thing) and issubclass(thing, Box)) or is_example(thing)


def _is_array(value: Any) -> bool:
    """An array or a number of floats, of any framework, or a container of them."""
    if isinstance(value, Mapping | list | tuple):
        return any(map(_is_array, value.values() if isinstance(value, Mapping) else value))
    dtype = getattr(value, "dtype", None)
    kind = str(dtype).rpartition(".")[2]
    return type(value) is float or (dtype is not None and kind.startswith(("float", "bfloat", "complex")))
