"""The rules by which operations of ONNX and boxes become each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from flowgraph.box import Box
from flowgraph.box.vocabulary import Foreign
from flowgraph.plan.rules import Condition, Rules, always

F = TypeVar("F", bound=Callable[..., Any])


class Reader(NamedTuple):
    """What builds the boxes of an operation; attributes that change nothing in them; whether it costs little."""

    function: Callable[..., Any]
    idle: frozenset[str]
    light: bool


READERS: dict[tuple[str, str], Reader] = {}
"""Rules by the domain and the name of the operation."""

ML = "ai.onnx.ml"
"""The domain of the operations of scikit-learn's exports."""


def reader_for(*operations: str, domain: str = "", idle: Iterable[str] = (), light: bool = True) -> Callable[[F], F]:
    """Register how operations are read: a function of (node, *inputs) that returns a box, or one for each output.

    An input that the file leaves out is None; what the node itself says, its attributes and inputs whose values are
    known, is asked of `node`. An operation with an attribute that its reader does not ask for is refused, but for those
    in `idle`, which change nothing in inference. A `light` operation on constants is computed when the file is read.

    Parameters
    ----------
    *operations : str
        Names of the operations.
    domain : str, default ''
        Domain of the operations; "" is that of ONNX itself.
    idle : iterable of str, default ()
        Attributes that change nothing in inference.
    light : bool, default True
        Whether an operation on constants is computed when the file is read.

    Returns
    -------
    function
        A decorator, which returns the reader as it is.

    Examples
    --------
    >>> from flowgraph.interop.onnx import reader_for
    >>> @reader_for("Twice", domain="mine")
    ... def twice(node, a):
    ...     return 2 * a
    """

    def register(function: F) -> F:
        READERS.update({(domain, operation): Reader(function, frozenset(idle), light) for operation in operations})
        return function

    return register


class Rule(NamedTuple):
    """The ONNX operations, or boxes, for boxes of a class, where `when` holds."""

    function: Callable[..., Any]
    when: Condition = always


OPERATIONS: Rules[Rule] = Rules(Rule)
PARTS: Rules[Rule] = Rules(Rule)


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
    return OPERATIONS.rule(*classes, when=when)


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
    return PARTS.rule(*classes, when=when)


ENTRIES: dict[str, tuple[type[Box], ...]] = {}
"""The boxes of each operation that is read and written alike."""


def own_dtype(box: Box) -> np.dtype[Any]:
    """The dtype of the box, in which its operands are taken."""
    return box.dtype


def both(
    operation: str, *classes: type[Box], when: Condition = always, light: bool = True,
    of: Callable[[Box], Any] = own_dtype, **attributes: tuple[str, Any],
) -> None:  # fmt: skip
    """Register an operation and the box that it is, read and written alike; further classes are written so too.

    Operands stand in the order of the children, and are written in the dtype `of` the box. `attributes` are the setting
    for each attribute, and the value of the attribute where a file leaves it out; what a box of double precision has as
    a setting is written if an attribute, which is of single precision, holds it.
    """

    def read_operation(node: Foreign, *inputs: Foreign) -> Any:
        return classes[0].apply(*inputs, **{setting: node.get(key, default)
                                            for key, (setting, default) in attributes.items()})  # fmt: skip

    def holds(box: Foreign) -> bool:
        values = [getattr(box, setting) for setting, default in attributes.values() if isinstance(default, float)]
        return when(box) and (box.dtype != np.float64 or all(float(np.float32(value)) == value for value in values))

    def write(writer: Foreign, box: Foreign, *names: str) -> Any:
        settings = {key: type(default)(getattr(box, setting)) for key, (setting, default) in attributes.items()}
        return writer.op(operation, *[writer.cast(name, of(box)) for name in names], dtype=box.dtype, **settings)

    ENTRIES[operation] = classes
    reader_for(operation, light=light)(read_operation)
    rule_for(*classes, when=holds)(write)


def read_as(rules: Mapping[str, Callable[..., Any]]) -> None:
    """Register operations, by their names, that are read as a function of their inputs."""
    for operations, function in rules.items():
        reader_for(*operations.split())(lambda node, *inputs, function=function: function(*inputs))


def read_by(rules: Mapping[str, Callable[..., Any]]) -> None:
    """Register operations, by their names, with what reads them, a function of the node and its inputs."""
    for operations, rule in rules.items():
        reader_for(*operations.split())(rule)


def write_by(rules: Mapping[type[Box] | tuple[type[Box], ...], Callable[..., Any]]) -> None:
    """Register what writes boxes, by their class or classes."""
    for classes, rule in rules.items():
        rule_for(*(classes if isinstance(classes, tuple) else (classes,)))(rule)


def made_of(parts: Mapping[Any, Callable[..., Any]]) -> None:
    """Register what boxes are made of, by their class or classes."""
    for classes, function in parts.items():
        parts_for(*(classes if isinstance(classes, tuple) else (classes,)))(function)
