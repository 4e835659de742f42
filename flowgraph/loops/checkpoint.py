"""fg.checkpoint: a function of boxes becomes one box whose inner values are not kept for the backward pass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.errors import UsageError
from flowgraph.loops.body import CarryInput, body_of, hoisted
from flowgraph.loops.checkpoint_box import Recomputed
from flowgraph.loops.tracing import name_of


class ArgumentInput(CarryInput):
    """What stands for an argument of a function that is called once, on boxes."""

    symbol = "argument"
    public = False


def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose inner values are not kept for the backward pass, which computes them again.

    A call on boxes keeps its arguments and results and no values in between, which saves memory and costs time. Values
    and gradients of any order are those of the function. Where it is a part of a chain, such as one of many layers, the
    backward pass holds the inner values of one part at a time. It is JAX's `jax.checkpoint` and PyTorch's
    `torch.utils.checkpoint`.

    Parameters
    ----------
    function : function
        What is called on boxes; arguments and results may be tuples, lists and dicts of them. Other arguments pass as
        they are. What it reads from outside, parameters and other boxes, is found; what it draws at random is drawn
        before and kept.

    Returns
    -------
    function
        It is called as the function is. Each call on boxes builds one box; a call on arrays is one of the function.

    Raises
    ------
    UsageError
        If what is given is no function, returns what is neither a box nor an array, or reads boxes and has none among
        its arguments.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x, w = fg.Input("x", shape=(2,)), fg.Parameter(np.eye(2), name="w")
    >>> layer = fg.checkpoint(lambda h: np.tanh(np.tanh(h @ w) @ w))
    >>> run = fg.Graph(fg.sum(layer(layer(x)))).fprop(x=[0.0, 0.0])
    >>> run.bprop(wrt=[x])[x]
    array([1., 1.])
    """
    if not callable(function):
        raise UsageError(f"checkpoint: found a {type(function).__name__}, needs a function of boxes")

    @functools.wraps(function, updated=())
    def called(*args: Any, **keywords: Any) -> Any:
        given = list(dict.fromkeys(_boxes((args, keywords))))
        if not given:
            return _without_boxes(function, args, keywords)
        slots: dict[Box, Box] = {box: ArgumentInput(shape=box.shape, dtype=box.dtype) for box in given}
        of_args, of_keywords = _mapped((args, keywords), lambda one: slots.get(one, one) if _is_box(one) else one)
        returned = function(*of_args, **of_keywords)
        found = list(dict.fromkeys(_results(function, returned)))
        if not found:
            return returned
        outside, outers, results = hoisted(found, slots.values())
        box = Recomputed(*given, *outside, body=body_of((), (), [*slots.values(), *outers], results))
        parts = [box] if len(results) == 1 else list(box)
        stands = dict(zip(found, parts, strict=True))
        return _mapped(returned, lambda one: stands[one] if _is_box(one) else one)

    return called


def _without_boxes(function: Callable[..., Any], args: Any, keywords: Any) -> Any:
    """The value on arrays; a function that reads boxes all the same has nothing to be computed from again."""
    returned = function(*args, **keywords)
    read = next(_boxes(returned), None)
    if read is not None:
        raise UsageError(
            f"checkpoint: {name_of(function)} returned {read.title} of arguments without a box, needs one that it is "
            f"computed from again; give the boxes that it reads as arguments\n  built at {read.built_at}"
        )
    return returned


def _is_box(value: object) -> bool:
    return isinstance(value, Box)


def _boxes(container: Any) -> Iterator[Box]:
    """The boxes in tuples, lists and dicts."""
    stack = [container]
    while stack:
        one = stack.pop()
        if isinstance(one, Box):
            yield one
        elif isinstance(one, tuple | list):
            stack.extend(reversed(one))
        elif isinstance(one, dict):
            stack.extend(reversed(list(one.values())))


def _mapped(container: Any, put: Callable[[Any], Any]) -> Any:
    """The same container with something else in the place of each part."""
    if isinstance(container, dict):
        return {key: _mapped(one, put) for key, one in container.items()}
    if isinstance(container, tuple | list):
        parts = [_mapped(one, put) for one in container]
        if isinstance(container, list):
            return parts
        return type(container)(*parts) if hasattr(container, "_fields") else tuple(parts)
    return put(container)


def _results(function: Callable[..., Any], returned: Any) -> list[Box]:
    """The boxes that the function returned, of which each is computed in it; arrays and numbers stay as they are."""
    for one in _leaves(returned):
        if not isinstance(one, Box) and one is not None and np.asarray(one).dtype.kind not in "biufc":
            raise UsageError(
                f"checkpoint: {name_of(function)} returned a {type(one).__name__}, needs boxes, alone or in tuples, "
                f"lists and dicts"
            )
    return [box for box in _boxes(returned) if not isinstance(box, Constant)]


def _leaves(container: Any) -> Iterator[Any]:
    if isinstance(container, dict | tuple | list):
        for one in container.values() if isinstance(container, dict) else container:
            yield from _leaves(one)
    else:
        yield container
