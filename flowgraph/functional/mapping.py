"""A function written in NumPy as a flow graph, and a function of one example as a function of many."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant, Value
from flowgraph.box.leaves import Input, Random
from flowgraph.box.node import current
from flowgraph.box.tape import Tape, Trace
from flowgraph.derivatives.batching import Rows
from flowgraph.errors import FlowgraphError, ShapeError, UsageError
from flowgraph.functional.arguments import argument_names, call_function, name_of, native, refuse_keyword
from flowgraph.functional.calls import Derived
from flowgraph.functional.transforms import Subject
from flowgraph.graph import Graph
from flowgraph.graph.topology import topological_order
from flowgraph.loops.containers import ARRAYS, arrays_of, flatten, map_leaves, numbers_as_leaves, paths, rebuild
from flowgraph.shapes.spec import same, shape_text


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
    result = on_boxes("trace", name_of(f), lambda: _call_by_position(f, rebuild(structure, iter(inputs))))
    outputs = arrays_of(result)
    if not outputs or not all(isinstance(output, Box) for output in outputs):
        raise UsageError(
            f"trace: {name_of(f)} returned {type(result).__name__}, needs a box or a container of boxes: what NumPy "
            f"makes of its arguments"
        )
    return Graph(*outputs)


def on_boxes(who: str, name: str, call: Callable[[], Any]) -> Any:
    """What a function of a user gives on boxes; what another library says of these gets a way out."""
    try:
        return call()
    except TypeError as error:
        if isinstance(error, FlowgraphError):
            raise
        raise UsageError(
            f"{who}: {name} called on boxes raises {type(error).__name__}: {error}; needs a function written in NumPy, "
            f"or arrays of its own library, such as jnp.asarray(x) or torch.tensor(x)"
        ) from error


def _call_by_position(f: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
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


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, **unknown: Any) -> Mapped:
    """A function of one example as a function of many, without a loop: `jax.vmap` of NumPy code.

    vmap(f)(x)[i] = f(x[i])

    `f` is called once, on boxes for one example; each box that it builds is then taken over all examples, by the rules
    that Jacobians use, and a box without a rule runs example by example. Derivatives go both ways: `vmap(grad(f))` has
    a gradient per example, `grad` of a loss over `vmap(f)` sums them.

    Parameters
    ----------
    f : function
        Of arrays, and of dicts, lists, tuples and dataclasses of arrays. What it draws by `fg.Random` would be one
        draw for all, and is refused: draw outside. A branch is taken where all examples take the same, and refused
        where they differ: use `np.where`.
    in_axes : int, None, or a tuple or list of one for each positional argument
        The axis of the examples, None for an argument that is the same for all. In place of an axis there may be a
        dict, list or tuple of such for the parts of an argument. Arguments by keyword have their examples in axis 0.
    out_axes : int, None, or a container of such
        The axis of the examples in the result; None for what is the same for all, which is then given once.
    **unknown
        Any other keyword is refused.

    Returns
    -------
    function
        Its arrays have one more axis than those of `f`.

    Raises
    ------
    ShapeError
        If the numbers of examples differ, or an array has no such axis.
    UsageError
        If no argument has examples, axes do not fit the containers, or the result is no array.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.functional import grad, vmap
    >>> w, x = np.array([1.0, 2.0]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> vmap(lambda w, x: np.tanh(w @ x) ** 2, in_axes=(None, 0))(w, x).shape
    (3,)
    >>> vmap(grad(lambda w, x: (w @ x) ** 2), (None, 0))(w, x)
    array([[2., 0.],
           [0., 4.],
           [6., 6.]])
    """
    for name in unknown:
        refuse_keyword("vmap", name, "in_axes= or out_axes=")
    return Mapped(f, in_axes, out_axes)


class Leaf(NamedTuple):
    """A leaf of the arguments or of the result: its path as text, and its mapped axis."""

    path: str
    value: Any
    axis: Any


def value(subject: Subject) -> Any:
    """What the function returned."""
    return subject.output


class Mapped(Derived):
    """A function of one example, called with many: it is traced once, and its boxes get a further axis in front."""

    def __init__(self, f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> None:
        super().__init__(f, (), value, False, None)
        self.__name__ = f"vmap_{getattr(f, '__name__', 'f')}"
        self._in_axes, self._out_axes = in_axes, out_axes
        self._who = f"vmap of {name_of(f)}"

    def __reduce__(self) -> Any:
        """Pickled and copied without its graphs."""
        return Mapped, (self._f, self._in_axes, self._out_axes)

    def __repr__(self) -> str:
        return f"<{self._who}>"

    def _own_places(self, args: Sequence[Any]) -> Container[int]:
        """None: nothing is differentiated by arguments, and those with examples become boxes of all examples."""
        return ()

    def _on_boxes(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Boxes in, boxes out: those of the caller, since nothing is differentiated by them alone."""
        args = [map_leaves(_box_of, argument) for argument in args]
        return self._transform(self._subject(args, keywords))

    def _subject(self, args: Sequence[Any], keywords: Mapping[str, Any], tape: Tape | None = None) -> Subject:
        """The outputs for all examples; there is nothing by which they are differentiated."""
        leaves = self._arguments(args, keywords)
        rows, given = self._examples(leaves)
        structure = flatten((tuple(args), dict(keywords)), [])
        trace = current()
        drawn = set() if trace is None else set(trace.randoms)
        one_args, one_keywords = rebuild(structure, iter(given))
        with _examples_of(trace, rows):
            result = call_function(self._f, one_args, one_keywords)
        return Subject(self._f, self._over_examples(result, rows, drawn), (), [], None, None)

    def _arguments(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> list[Leaf]:
        """The leaves of the arguments with their axes; those by keyword have the first axis."""
        names, axes = argument_names(self._f, len(args)), self._in_axes
        if not isinstance(axes, tuple | list):
            axes = [axes] * len(args)
        if len(axes) != len(args):
            raise UsageError(
                f"{self._who}: found in_axes={self._in_axes!r} and {len(args)} positional arguments, needs an axis, "
                f"or None, for each"
            )
        given = [*zip(names, args, axes, strict=True), *[(name, argument, 0) for name, argument in keywords.items()]]
        return [leaf for name, argument, axis in given for leaf in self._spread("in_axes", name, argument, axis)]

    def _spread(self, setting: str, path: str, container: Value, axes: Any) -> Iterator[Leaf]:
        """The leaves of a container paired with axes; an int or None in the axes applies to a whole subtree."""
        if axes is None or (isinstance(axes, int | np.integer) and not isinstance(axes, bool)):
            yield from (Leaf(where, leaf, axes) for where, leaf in paths(container, path))
            return
        if isinstance(axes, dict) and isinstance(container, dict) and axes.keys() == container.keys():
            for key, part in container.items():
                yield from self._spread(setting, f"{path}[{key!r}]", part, axes[key])
        elif isinstance(axes, tuple | list) and isinstance(container, tuple | list) and len(axes) == len(container):
            for i, (part, axis) in enumerate(zip(container, axes, strict=True)):
                yield from self._spread(setting, f"{path}[{i}]", part, axis)
        else:
            raise UsageError(
                f"{self._who}: found {setting}={axes!r} for {path}, {_kind_of(container)}; needs a whole number, "
                f"None, or a dict, list or tuple of such as large as {path}"
            )

    def _examples(self, leaves: Sequence[Leaf]) -> tuple[Rows, list[Any]]:
        """For each mapped array the leaf of one example and the array with its examples in front; all as f gets it."""
        rows: dict[Box, Box] = {}
        given: list[Any] = []
        first: tuple[str, Any] | None = None
        for path, content, axis in leaves:
            if not isinstance(content, ARRAYS):
                if axis is not None and isinstance(content, int):
                    raise self._without_axis(path, axis, "a number")
                continue
            if axis is None:
                given.append(content)
                continue
            leaf: Any = content if isinstance(content, Box) else native(content)
            if not -leaf.ndim <= axis < leaf.ndim:
                raise self._without_axis(path, axis, f"an array of shape {shape_text(leaf.shape)}")
            size = leaf.shape[axis]
            first = first or (path, size)
            if not same(first[1], size):
                raise ShapeError(
                    f"{self._who}: found {first[1]} examples in {first[0]} and {size} in {path}, needs as many in each"
                )
            moved: Any = np.moveaxis(leaf, axis, 0) if axis % leaf.ndim else leaf
            moved = moved if isinstance(moved, Box) else Constant(moved)
            plain: Any = Input(path, shape=moved.shape[1:], dtype=moved.dtype)
            example = plain._copy_with(of_a_call=True, example_of=self._who)
            rows[example] = moved
            given.append(example)
        if not rows:
            raise UsageError(
                f"{self._who}: found no array to map over with in_axes={self._in_axes!r}, needs an axis of one or more"
            )
        return Rows(rows), given

    def _without_axis(self, path: str, axis: int, what: str) -> ShapeError:
        return ShapeError(
            f"{self._who}: found {path}, {what}, which has no axis {axis} of examples; give it None in in_axes where "
            f"it is the same for all"
        )

    def _over_examples(self, result: Value, rows: Rows, drawn: set[Any]) -> Any:
        """The result for all examples, in its containers."""
        result = _with_arrays(result)
        leaves = list(self._spread("out_axes", "result", result, self._out_axes))
        boxes = [leaf.value if isinstance(leaf.value, Box) else self._constant(leaf) for leaf in leaves]
        trace = current()
        for box in (*topological_order(boxes), *(() if trace is None else trace.randoms)):
            if isinstance(box, Random) and box not in drawn:
                raise UsageError(
                    f"{self._who}: found {box.title}, built at {box.built_at}, which draws once for all examples; draw "
                    f"outside, with an axis of examples, and give it as an argument"
                )
        placed: list[Any] = []
        for leaf, box, over in zip(leaves, boxes, rows.repeat(boxes), strict=True):
            placed.append(self._place_axis(leaf, box, over, rows))
        return rebuild(flatten(result, []), iter(placed))

    def _constant(self, leaf: Leaf) -> Box:
        if not isinstance(leaf.value, ARRAYS):
            raise UsageError(f"{self._who}: returned {leaf.value!r} as {leaf.path}, needs arrays and floats")
        return Constant(leaf.value)

    def _place_axis(self, leaf: Leaf, box: Box, over: Any, rows: Rows) -> Any:
        """An output with its axis of examples where it is wanted."""
        if leaf.axis is None:
            if rows.over([box])[0] is not None:
                raise UsageError(
                    f"{self._who}: found out_axes=None for {leaf.path}, which differs between the examples; needs the "
                    f"axis that these are to have"
                )
            return box
        if not -over.ndim <= leaf.axis < over.ndim:
            raise ShapeError(
                f"{self._who}: found out_axes={leaf.axis} for {leaf.path}, which has the shape "
                f"{shape_text(over.shape)} over all examples; needs an axis of it"
            )
        return np.moveaxis(over, 0, leaf.axis) if leaf.axis % over.ndim else over


@contextmanager
def _examples_of(trace: Trace | None, rows: Rows) -> Iterator[None]:
    """Let boxes of one example answer, in a call that computes, where all examples have the same answer."""
    if trace is None or not trace.at_once:
        yield
        return
    around = trace.examples
    trace.examples = (*around, rows)
    try:
        yield
    finally:
        trace.examples = around


def _box_of(leaf: Value) -> Any:
    return leaf if isinstance(leaf, Box) else Constant(leaf)


def _kind_of(container: Value) -> str:
    return "an array" if isinstance(container, ARRAYS) else f"a {type(container).__name__}"


def _with_arrays(result: Value) -> Any:
    """A result whose whole numbers and booleans are arrays, as those of jax.vmap."""
    leaves: list[Any] = []
    structure = flatten(result, leaves)
    whole: list[Any] = []
    structure = numbers_as_leaves(structure, iter(leaves), whole)
    return rebuild(structure, iter([np.asarray(leaf) if isinstance(leaf, int) else leaf for leaf in whole]))
