"""A function written in NumPy becomes a flow graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Input
from flowgraph.errors import UsageError
from flowgraph.functional.arguments import name_of
from flowgraph.functional.calls import Derived
from flowgraph.functional.containers import arrays_of, flatten, paths, rebuild
from flowgraph.graph import Graph


def trace(f: Callable[..., Any], shapes: Mapping[str, Any] | None = None, /, **examples: Any) -> Graph:
    """The flow graph of a function: drawable, checkable, one graph for every call of the same shapes.

    `examples` are arguments by name: each array in them becomes an `Input` of its shape and dtype, called by the name
    of the argument. `shapes` gives an input other sizes, names for those that vary: fg.trace(f, {"x": ("N", 3)}, x=X).
    Control flow that asks a box for its value is refused, since the graph would follow one branch only. A derivative
    (`fg.trace(grad(f), x=X)`) is a function too; the vector of vjp, jvp and hvp may have any name.

    Parameters
    ----------
    f : function
        Written in NumPy; it is called once, on boxes.
    shapes : dict of str to tuple, optional
        Shapes with names for sizes that vary, by argument.
    **examples
        Arguments by name; arrays in them become inputs.

    Returns
    -------
    Graph
        Its outputs are what `f` returns.

    Raises
    ------
    UsageError
        If `f` is no function, the result does not depend on an array, or a shape does not fit its example.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> graph = fg.trace(lambda x, w: np.tanh(x @ w), {"x": ("N", 3)}, x=np.ones((2, 3)), w=np.ones(3))
    >>> graph.inputs[0]
    <Input 'x': (N, 3) float64>
    """
    if not callable(f):
        raise UsageError(f"trace: found a {type(f).__name__}, needs a function")
    leaves: list[Any] = []
    structure = flatten(examples, leaves)
    given = dict(shapes or {})
    inputs = []
    for path, leaf in ((p, leaf) for name, v in examples.items() for p, leaf in paths(v, name) if arrays_of(leaf)):
        array = np.asarray(leaf)
        inputs.append(Input(path, shape=given.pop(path, array.shape), dtype=array.dtype))
    if given:
        raise UsageError(
            f"trace: found the shape of {next(iter(given))!r}, but the arrays are "
            f"{', '.join(i.name or '' for i in inputs)}"
        )
    result = _called(f, rebuild(structure, iter(inputs)))
    outputs = arrays_of(result)
    if not outputs or not all(isinstance(output, Box) for output in outputs):
        raise UsageError(
            f"trace: {name_of(f)} returned {type(result).__name__}, needs a box or a container of boxes: what NumPy "
            f"makes of its arguments"
        )
    return Graph(*outputs)


def _called(f: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """The function called with positional arguments where possible, because derivatives count positions."""
    try:
        parameters = inspect.signature(f).parameters
    except (TypeError, ValueError):  # of what is written in C
        return f(*arguments.values())
    left = dict(arguments)
    given = []
    for name, parameter in parameters.items():
        if name not in left or parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            break
        given.append(left.pop(name))
    if isinstance(f, Derived):
        given += [left.pop(name) for name in arguments if name in left and name not in parameters]
    return f(*given, **left)
