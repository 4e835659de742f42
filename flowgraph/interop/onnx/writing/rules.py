"""Rules of the ONNX back end: which operations, or which boxes, a box is written as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from flowgraph.box import Box
from flowgraph.plan.rules import Condition, Rules, always

F = TypeVar("F", bound=Callable[..., Any])


class Rule(NamedTuple):
    """The ONNX operations, or boxes, for boxes of a class, where `when` holds."""

    function: Callable[..., Any]
    when: Condition = always


OPERATIONS: Rules[Rule] = Rules()
PARTS: Rules[Rule] = Rules()


def rule_for(*classes: type[Box], when: Condition = always) -> Callable[[F], F]:
    """Register how boxes of these classes are written: a function of (writer, box, *names of its children).

    It adds operations to the writer and returns the name of the value, or a tuple of names for several outputs.

    Parameters
    ----------
    *classes : type of Box
        The classes.
    when : function, optional
        `when(box)` says for which boxes it holds; by default for all.

    Returns
    -------
    function
        A decorator, which returns the function as it is.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.interop.onnx import model_of, rule_for
    >>> class Celu(fg.Elementwise):
    ...     def fprop(self, a):
    ...         return np.maximum(a, np.expm1(a))
    >>> @rule_for(Celu)
    ... def celu(writer, box, a):
    ...     return writer.op("Celu", a)
    >>> model = model_of(fg.Graph(Celu(fg.Input("a", shape=(2,), dtype=np.float32))))
    >>> [node.op_type for node in model.graph.node]
    ['Celu']
    >>> del fg.registry[next(name for name, cls in fg.registry.items() if cls is Celu)]
    """

    def register(function: F) -> F:
        OPERATIONS.add(classes, Rule(function, when))
        return function

    return register


def parts_for(*classes: type[Box], when: Condition = always) -> Callable[[F], F]:
    """Register what boxes of these classes are made of: a function of (box, *children) that builds other boxes.

    Parameters
    ----------
    *classes : type of Box
        The classes.
    when : function, optional
        `when(box)` says for which boxes it holds; by default for all.

    Returns
    -------
    function
        A decorator, which returns the function as it is.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.interop.onnx import model_of, parts_for
    >>> class Half(fg.Elementwise):
    ...     def fprop(self, a):
    ...         return np.multiply(a, 0.5)
    >>> @parts_for(Half)
    ... def half(box, a):
    ...     return a * 0.5
    >>> model = model_of(fg.Graph(Half(fg.Input("a", shape=(2,)))))
    >>> [node.op_type for node in model.graph.node][-1]
    'Mul'
    >>> del fg.registry[next(name for name, cls in fg.registry.items() if cls is Half)]
    """

    def register(function: F) -> F:
        PARTS.add(classes, Rule(function, when))
        return function

    return register
