"""A function with a derivative of its own: fprop and bprop as two functions, in place of a class of boxes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.tape import run_trace
from flowgraph.errors import UsageError
from flowgraph.functional.arguments import argument_names, name_of
from flowgraph.loops.containers import arrays_of, flatten, paths, rebuild
from flowgraph.shapes.spec import Spec

Function = Callable[..., Any]


class OfFunctions(Box):
    """The box of a function with its own derivative: its children are the arrays among the arguments.

    h = f(arrays)        the gradients are those that the function's own bprop returns
    """

    rule: Any
    structure: Any

    symbol = "custom"
    examples = None  # it is made of a user's functions; tests/functional/test_custom.py tests it with such
    public = False
    calls_back = True

    def names_of_children(self) -> tuple[str, ...]:
        """The arrays as the user writes them: params['W'] for what is in a dict `params`."""
        args, keywords = rebuild(self.structure, iter(self.children))
        named = [*zip(argument_names(self.rule.function, len(args)), args, strict=True), *keywords.items()]
        return tuple([path for name, value in named for path, leaf in paths(value, name) if isinstance(leaf, Box)])

    @property
    def title(self) -> str:
        """The name of the function, as errors call it."""
        return f"custom_vjp {name_of(self.rule)}"

    def fprop(self, *arrays: Value) -> Value:
        """What the function makes of arrays."""
        args, keywords = rebuild(self.structure, iter(arrays))
        return self.rule.call_on_arrays(*args, **keywords)

    def bprop(self, grad: Value, h: Value, *arrays: Value) -> tuple[Value, ...]:
        """What the bprop of the rule makes of them."""
        args, keywords = rebuild(self.structure, iter(arrays))
        return self.rule.gradients(grad, h, args, keywords)  # type: ignore[no-any-return]

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """By the rule for the shape, where there is one; else by a trial of fprop."""
        if self.rule.shape is None:
            return super().infer_from_children()
        args, keywords = rebuild(self.structure, iter(self.children))
        shape = tuple(self.rule.shape(*args, **keywords))
        return Spec(shape, np.result_type(1.0, *[child.dtype for child in self.children]))


class CustomVjp:
    """A function that is one box in a graph, differentiated by the `bprop` that is given for it."""

    def __init__(self, f: Function, bprop: Function | None = None, shape: Function | None = None) -> None:
        if not callable(f):
            raise UsageError(f"custom_vjp: found a {type(f).__name__}, needs a function")
        functools.update_wrapper(self, f, updated=())
        self.function, self._bprop, self.shape = f, bprop, shape

    @property
    def who(self) -> str:
        """How errors call it."""
        return name_of(self.function)

    def bprop(self, function: Function) -> Function:
        """Take a function as the bprop, as a decorator; it is called as bprop(grad, value, *arguments)."""
        if not callable(function):
            raise UsageError(f"{self.who}: found a {type(function).__name__} as its bprop, needs a function")
        if self._bprop is not None:
            raise UsageError(f"{self.who}: found a second bprop, needs one; define another function for it")
        self._bprop = function
        return function

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The value on arrays; with a box among the arguments, a box."""
        leaves: list[Any] = []
        structure = flatten((args, keywords), leaves)
        if not any(isinstance(leaf, Box) for leaf in leaves):
            return self.function(*args, **keywords)
        if self._bprop is None:
            raise UsageError(
                f"{self.who}: found boxes as arguments, but it has no bprop yet; give it one below its "
                f"definition: @{getattr(self.function, '__name__', 'f')}.bprop"
            )
        return OfFunctions(*leaves, rule=self, structure=structure)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<{self.who} with a bprop of its own>"

    def call_on_arrays(self, *args: Any, **keywords: Any) -> Any:
        """The value on arrays, one or a tuple of them; whatever is traced around it, loops in it give arrays too."""
        with run_trace(None):
            value = self.function(*args, **keywords)
        return tuple(value) if isinstance(value, list) else value

    def gradients(self, grad: Any, value: Any, args: Any, keywords: Any) -> tuple[Any, ...]:
        """One gradient for each array among the arguments; keywords have none."""
        assert self._bprop is not None
        parts = self._bprop(grad, value, *args, **keywords)
        if parts is None:
            raise UsageError(
                f"{self.who}: its bprop returned None; does it end without return? needs one gradient per "
                f"positional argument, None where it has none"
            )
        parts = tuple(parts) if isinstance(parts, list | tuple) else (parts,)
        if len(parts) != len(args):
            raise UsageError(
                f"{self.who}: its bprop returned {len(parts)} gradients for {len(args)} arguments; needs one "
                f"per positional argument, None where it has none"
            )
        gradients: list[Any] = []
        for part, arg, name in zip(parts, args, argument_names(self.function, len(args)), strict=True):
            gradients += _gradients_of(self.function, part, arg, name)
        return (*gradients, *[None] * len(arrays_of(keywords)))


def custom_vjp(f: Function | None = None, *, bprop: Function | None = None, shape: Function | None = None) -> Any:
    """Give a function a derivative of its own, as the lecture's boxes have it: fprop is the function, bprop another.

    Parameters
    ----------
    f : function
        Anything on arrays: code that NumPy's dispatch does not reach, loops, calls of other libraries. It returns an
        array, or a tuple of arrays. Arguments may be containers of arrays; what is no array passes as it is.
    bprop : function, optional
        `bprop(grad, value, *arguments)` returns a gradient per positional argument, in the container of the argument,
        and None for one that has none. It may as well be given later, by the decorator `@f.bprop`. Written with NumPy
        functions that take boxes, it can be differentiated again.
    shape : function, optional
        `shape(*arguments)` is the shape of the one result, of arguments with shapes and no values. Without it the shape
        is found by calling `f` on arrays of the shapes of the arguments, with numbers that are not theirs.

    Returns
    -------
    CustomVjp
        A function that is called as `f` is; without `f`, a decorator.

    Raises
    ------
    UsageError
        If `f` is called on boxes and has no bprop, or its bprop returns another number of gradients.

    >>> import numpy as np
    >>> from flowgraph.functional import custom_vjp, grad
    >>> @custom_vjp
    ... def clipped(x):
    ...     return np.clip(x, -1, 1)
    >>> @clipped.bprop
    ... def straight_through(grad, h, x):
    ...     return (grad,)
    >>> grad(lambda x: np.sum(clipped(x)))(np.array([0.5, 3.0]))
    array([1., 1.])
    """
    if f is None:
        return functools.partial(custom_vjp, bprop=bprop, shape=shape)
    return CustomVjp(f, bprop, shape)


def _gradients_of(f: Function, part: Any, arg: Any, name: str) -> list[Any]:
    """The gradients of the arrays of one argument: zeros where the bprop gives None."""
    wanted = [path for path, leaf in paths(arg, name) if arrays_of(leaf)]
    gradients: list[Any] = []
    if wanted:
        _collect(part, arg, gradients)
    if len(gradients) != len(wanted):
        raise UsageError(
            f"{name_of(f)}: its bprop returned {len(gradients)} arrays as the gradient of {name}, which has "
            f"{len(wanted)} ({', '.join(wanted)}); needs a container like the argument"
        )
    leaves = arrays_of(arg)
    return [np.zeros_like(leaf) if g is None else g for g, leaf in zip(gradients, leaves, strict=True)]


def _collect(part: Any, arg: Any, gradients: list[Any]) -> None:
    """The gradients in the order of the arrays of the argument; those of a dict are found by key."""
    leaves = arrays_of(arg)
    if part is None:
        gradients += [None] * len(leaves)
    elif isinstance(arg, dict) and isinstance(part, dict):
        for key, item in arg.items():
            _collect(part.get(key), item, gradients)
    elif isinstance(arg, list | tuple) and isinstance(part, list | tuple) and len(arg) == len(part):
        for item, of_one in zip(part, arg, strict=True):
            _collect(item, of_one, gradients)
    elif leaves:
        gradients += arrays_of(part) or [part]
