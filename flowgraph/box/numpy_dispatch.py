"""Which box stands for which NumPy function, and how a call of the one becomes the other."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box.node import Node, current
from flowgraph.errors import UnsupportedError, UsageError

KEYWORDS = frozenset({"axes", "axis", "keepdims"})


def on_last_axes(ufunc: np.ufunc, call: Callable[..., Any], inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """The call with its axes moved to the end, where a ufunc without keywords has them, and back in the result."""
    counts = [_count(part) for part in str(ufunc.signature).replace("->", ",").split("),")]
    keepdims = bool(keywords.get("keepdims", False))
    axes = _axes(ufunc, counts, keywords, keepdims)
    moved = [_move_axes(a, core, _last(len(core))) for a, core in zip(inputs, axes, strict=False)]
    result = call(*moved)
    for _ in range(counts[0] if keepdims else 0):
        result = np.expand_dims(result, -1)
    return _move_axes(result, _last(len(axes[-1])), axes[-1])


def _axes(ufunc: np.ufunc, counts: list[int], keywords: Mapping[str, Any], keepdims: bool) -> list[tuple[int, ...]]:
    """The axes of each operand and of the result, as many as the signature names, or as keepdims= leaves."""
    if keepdims and counts != [counts[0]] * ufunc.nin + [0]:
        raise UsageError(
            f"np.{ufunc.__name__}: found keepdims=, needs operands with the same core axes and a result without; its "
            f"signature is {ufunc.signature}"
        )
    counts = [*counts[:-1], counts[0] if keepdims else counts[-1]]
    given = keywords.get("axes")
    if given is None:
        axis = keywords.get("axis")
        return [_last(count) if axis is None else (axis,) * count for count in counts]
    listed = [core if isinstance(core, tuple) else (core,) for core in given]
    listed += [_last(counts[-1])] * (len(counts) - len(listed))
    if [len(core) for core in listed] != list(counts):
        raise UsageError(f"np.{ufunc.__name__}: found axes={given!r}, needs as many axes as {ufunc.signature} names")
    return listed


def _count(part: str) -> int:
    """How many axes one operand of a signature has."""
    return len([name for name in part.strip("()").split(",") if name])


def _last(count: int) -> tuple[int, ...]:
    return tuple(range(-count, 0))


def _move_axes(a: Any, source: tuple[int, ...], destination: tuple[int, ...]) -> Any:
    return a if source == destination else np.moveaxis(a, source, destination)


Builder = TypeVar("Builder", bound=Callable[..., Any])

_builders: dict[Any, Callable[..., Any]] = {}
_quick: dict[Any, Any] = {}
"""What a function that is differentiated is mostly made of: classes without settings by their ufuncs, and those of
reductions, whose settings are `axis` and `keepdims`, by their functions."""

_OF_REDUCTIONS = {"axis", "keepdims"}

_ADVICE = {
    "out": "boxes are immutable: use the box that the call returns",
    "where": "choose with np.where(mask, result, other)",
    "dtype": "convert with box.astype(dtype)",
}

_NUMBERS = (int, float, complex)

_METHODS: dict[tuple[np.ufunc, str], Any] = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.logical_and, "reduce"): np.all,
    (np.logical_or, "reduce"): np.any,
    (np.add, "accumulate"): np.cumsum,
    (np.multiply, "accumulate"): np.cumprod,
}


def implements(*functions: Any) -> Callable[[Builder], Builder]:
    """Register a function that is composed of boxes for NumPy functions (or "scipy.special.name")."""

    def register(builder: Builder) -> Builder:
        for function in functions:
            _builders[function] = builder
        return builder

    return register


def register(cls: type[Node], functions: Sequence[Any]) -> None:
    """Register a box class for NumPy functions."""
    for function in functions:
        builder = getattr(cls, "from_numpy", None)
        if hasattr(cls, "of_numbers") and cls.settings.keys() == _OF_REDUCTIONS:
            _quick[function] = cls
        if builder is None:
            builder = cls if isinstance(function, np.ufunc | str) else functools.partial(bind, cls, function)
            if builder is cls and not cls.settings and not isinstance(function, str):
                _quick[function] = cls
        _builders[function] = builder


def builder_of(function: Callable[..., Any] | str) -> Any:
    """The box class or function that is registered for a NumPy function, if any."""
    return _builders.get(function)


def implemented() -> Mapping[Any, Callable[..., Any]]:
    """Every NumPy function that accepts boxes, with the box class or function that implements it."""
    return dict(_builders)


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """`Box.__array_ufunc__`: np.tanh(box) builds a Tanh box."""
    trace = current()
    if trace is not None:
        if trace.each_call is not None:
            return trace.each_call(_call_ufunc, ufunc, method, inputs, keywords)
        cls = _quick.get(ufunc) if trace.at_once and method == "__call__" and not keywords else None
        if cls is not None:
            box = object.__new__(cls)
            trace.compute(box, inputs)
            return box
    builder = _builders.get(ufunc)
    if builder is None or keywords or method != "__call__":
        return _call_ufunc(ufunc, method, inputs, keywords)
    return builder(*inputs)


def _call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    if method != "__call__":
        return _call_method(ufunc, method, inputs, keywords)
    builder = _builders.get(ufunc) or _builders.get(name_of(ufunc))
    if keywords:
        inputs, keywords = _convert_inputs(ufunc, inputs, keywords)
    if ufunc.signature is not None and not KEYWORDS.isdisjoint(keywords):
        rest = {name: v for name, v in keywords.items() if name not in KEYWORDS}
        return on_last_axes(ufunc, lambda *a: call_ufunc(ufunc, method, a, rest), inputs, keywords)
    return _call(ufunc, builder, inputs, keywords)


def call_function(function: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """`Box.__array_function__`: np.sum(box, axis=1) builds a Sum box."""
    trace = current()
    if trace is not None:
        if trace.each_call is not None:
            return trace.each_call(_call_function, function, "__call__", args, keywords)
        cls = _quick.get(function) if trace.at_once and len(args) == 1 and isinstance(args[0], Node) else None
        if cls is not None and keywords.keys() <= _OF_REDUCTIONS:
            axis, keepdims = keywords.get("axis"), keywords.get("keepdims", False)
            if type(keepdims) is bool and (axis is None or type(axis) is int):
                box = object.__new__(cls)
                box.__dict__.update(axis=axis, keepdims=keepdims)
                trace.compute(box, args)
                return box
    builder = _builders.get(function)
    if (
        builder is not None
        and not keywords
        and (len(args) == 1 or _first_out_of_place(function, builder, len(args)) is None)
    ):
        return builder(*args)
    return _call_function(function, "__call__", args, keywords)


def _call_function(function: Callable[..., Any], method: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    builder = _builders.get(function)
    if builder is not None and len(args) > 1:
        args, keywords = _in_place(function, builder, args, keywords)
    return _call(function, builder, args, keywords)


def bind(cls: type[Node], function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    """Build a box from a call of its NumPy function.

    Arguments named like a setting are settings, the first others are the children, and what is left must be at its
    default.
    """
    children: list[Any] = []
    settings: dict[str, Any] = {}
    for name, value, default in _arguments(function, args, keywords):
        if name in cls.settings:
            settings[name] = value
        elif len(children) < len(cls.child_names) or cls.variadic:
            children.append(value)
        elif not _is_default(value, default):
            raise _unsupported_argument(function, name)
    return cls(*children, **settings)


def _call(
    function: Callable[..., Any], builder: Callable[..., Any] | None, args: Sequence[Any], keywords: Mapping[str, Any]
) -> Any:
    if builder is None:
        raise UnsupportedError(
            f"{name_of(function)}: found a box, but no box stands for this function; compose it from functions that "
            f"have one (flowgraph.box.numpy_dispatch.implemented() lists them), or declare a box of your own with "
            f"numpy = {name_of(function)}"
        )
    if not keywords:
        return builder(*args)
    unknown = [name for name in keywords if not _takes(builder, name)]
    for name in unknown:
        if keywords[name] is not None and not _is_default(keywords[name], _default(function, name)):
            raise _unsupported_argument(function, name)
    return builder(*args, **{name: value for name, value in keywords.items() if name not in unknown})


def _call_method(ufunc: np.ufunc, method: str, inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """np.add.reduce(box) and its like: the function that does the same, along the first axis by default."""
    if method == "outer" and not keywords:
        first, second = (a if hasattr(a, "dtype") else np.asarray(a) for a in inputs)
        return ufunc(np.expand_dims(first, tuple(range(first.ndim, first.ndim + second.ndim))), second)
    function = _METHODS.get((ufunc, method))
    if function is None:
        raise UnsupportedError(
            f"np.{ufunc.__name__}.{method}: found a box, but this method of a ufunc builds no box; use the function of "
            f"NumPy that does the same, such as np.sum for np.add.reduce, or fg.add_at for np.add.at"
        )
    a, dtype = inputs[0], keywords.get("dtype")
    if method == "accumulate" and a.ndim == 0:
        raise UsageError(f"np.{ufunc.__name__}.accumulate: found {a.title} of shape (), needs an axis; use np.ravel")
    if dtype is not None:  # NumPy refuses some, such as numbers for a logical function
        wanted = (np.dtype(dtype), None, None)
        ufunc.resolve_dtypes((None, a.dtype, None), signature=wanted, reduction=True, casting="unsafe")
    return call_function(function, inputs, {"axis": 0, **keywords})


def _convert_inputs(
    ufunc: np.ufunc, inputs: Sequence[Any], keywords: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The inputs in the dtypes that dtype= and casting= ask of a ufunc, and the keywords that are left."""
    left = {name: v for name, v in keywords.items() if name not in ("dtype", "casting", "order", "subok")}
    if left.get("where") is True:
        del left["where"]
    if keywords.get("dtype") is None and "casting" not in keywords:
        return inputs, left
    return in_loop(ufunc, inputs, keywords.get("dtype"), keywords.get("casting", "same_kind")), left


def in_loop(ufunc: np.ufunc, inputs: Sequence[Any], dtype: DTypeLike | None = None, casting: Any = "same_kind") -> Any:
    """The inputs of a ufunc in the dtypes in which NumPy computes with them, to a value of `dtype` if that is given."""
    arrays = [a if hasattr(a, "dtype") or type(a) in _NUMBERS else np.asarray(a) for a in inputs]
    dtypes = (*(type(a) if type(a) in _NUMBERS else a.dtype for a in arrays), *(None,) * ufunc.nout)
    wanted = (*(None,) * ufunc.nin, *(None if dtype is None else np.dtype(dtype),) * ufunc.nout)
    loop = ufunc.resolve_dtypes(dtypes, signature=wanted, casting=casting)
    return [to.type(a) if type(a) in _NUMBERS else a.astype(to) for a, to in zip(arrays, loop, strict=False)]


def _in_place(
    function: Callable[..., Any], builder: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The arguments of a call, with those by keyword that stand at another place in NumPy's function than here.

    What NumPy's function has by default is left out.
    """
    first = _first_out_of_place(function, builder, len(args))
    if first is None:
        return args, keywords
    signature = _signature(function)
    assert signature is not None
    rest = zip(list(signature.parameters.values())[first:], args[first:], strict=False)
    return args[:first], {p.name: v for p, v in rest if not _is_default(v, p.default)} | dict(keywords)


@functools.cache
def _first_out_of_place(function: Callable[..., Any], builder: Callable[..., Any], count: int) -> int | None:
    """The first of so many arguments by position that the builder takes at another place than NumPy, or not at all."""
    numpys, ours = _signature(function), _signature(builder)
    if numpys is None or ours is None or isinstance(builder, functools.partial | type):
        return None
    names = [p.name for p in ours.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    if inspect.Parameter.VAR_POSITIONAL in [p.kind for p in (*numpys.parameters.values(), *ours.parameters.values())]:
        return None
    for i, name in enumerate(list(numpys.parameters)[:count]):
        renamed = i < len(names) and name not in ours.parameters and names[i] not in numpys.parameters
        if i and not renamed and names[i : i + 1] != [name]:
            return i
    return None


@functools.cache
def _takes(builder: Callable[..., Any], name: str) -> bool:
    """Whether a builder has an argument of this name; the binder of a class refuses unknown names itself."""
    if isinstance(builder, functools.partial):
        return True
    signature = _signature(builder)
    return signature is None or any(p.name == name or p.kind is p.VAR_KEYWORD for p in signature.parameters.values())


def _arguments(
    function: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """Name, value and default of each argument of a call."""
    signature = _signature(function)
    if signature is None:
        return [("", value, None) for value in args] + [(name, value, None) for name, value in keywords.items()]
    bound = signature.bind(*args, **keywords).arguments
    return [(name, value, signature.parameters[name].default) for name, value in bound.items()]


def _default(function: Callable[..., Any], name: str) -> Any:
    """What NumPy takes for an argument that is left out."""
    signature = _signature(function)
    return signature.parameters[name].default if signature is not None and name in signature.parameters else None


def _is_default(value: object, default: object) -> bool:
    """Whether an argument says no more than leaving it out does."""
    return value is default or (type(value) in (bool, int, str) and value == default)


@functools.cache
def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except ValueError:
        return None


def _unsupported_argument(function: Callable[..., Any], name: str) -> UnsupportedError:
    advice = _ADVICE.get(name, "leave it out, or compose the result from other functions")
    return UnsupportedError(f"{name_of(function)}: found {name}=, which boxes do not take; {advice}")


def name_of(function: Callable[..., Any] | str) -> str:
    """What users call a function that boxes implement, with its module."""
    if isinstance(function, str):
        return function
    if isinstance(function, np.ufunc) and getattr(np, function.__name__, None) is not function:
        return f"scipy.special.{function.__name__.lstrip('_')}"  # lambertw calls the ufunc _lambertw
    name = getattr(function, "__qualname__", getattr(function, "__name__", repr(function)))
    module = getattr(function, "__module__", None) or ("numpy" if isinstance(function, np.ufunc) else "")
    return f"{module.replace('numpy', 'np')}.{name}" if module else str(name)
