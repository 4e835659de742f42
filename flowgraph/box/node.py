"""What is known of every box: what its class declares, what it holds, its title, its children in an error, its repr."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from flowgraph.box.naming import Line
from flowgraph.box.slopes import Saturates, Slopes
from flowgraph.box.value import Value
from flowgraph.errors import ShapeError, UsageError
from flowgraph.printable import printable
from flowgraph.shapes.size import Shape
from flowgraph.shapes.spec import Spec, shape_text


class Node:
    """A node of the DAG: the declarations of a box, its attributes, and texts made of both.

    The files that a box is put together from read it as a node, so none of them needs the class `Box`.
    """

    numpy: ClassVar[Any] = ()
    symbol: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    derivative: ClassVar[str] = ""
    role: ClassVar[str] = "box"
    signature: ClassVar[Any] = None
    domain: ClassVar[Mapping[str, Any]] = {}
    kinks: ClassVar[tuple[float, ...]] = ()
    constant_children: ClassVar[Any] = frozenset()
    not_implemented_children: ClassVar[Any] = frozenset()
    examples: ClassVar[tuple[Any, ...] | None] = ()
    analytic: ClassVar[bool] = True
    slopes: ClassVar[Slopes] = ""
    saturates: ClassVar[Saturates] = ""
    remedies: ClassVar[Mapping[str, str | Callable[[Sequence[Any]], str]]] = {}
    public: ClassVar[bool] = True
    arithmetic: ClassVar[bool] = True
    calls_back: ClassVar[bool] = False
    """Whether its fprop or bprop calls a function that a user wrote, which may give something else in each call."""

    child_names: ClassVar[tuple[str, ...]] = ()
    variadic: ClassVar[bool] = False
    settings: ClassVar[Mapping[str, Any]] = {}
    has_bprop: ClassVar[bool] = False
    takes_needs: ClassVar[bool] = False

    children: tuple[Any, ...]
    name: str | None
    scope: str
    built_at: Line
    outputs: tuple[Spec, ...]

    def fprop(self, *values: Value, **_: Any) -> Value:
        """The value of the box, computed from the values of its children.

        A subclass names the children, `fprop(self, a, b)`; type checkers accept that as an override of this signature.

        Parameters
        ----------
        *values : array
            The value of each child.

        Returns
        -------
        array or tuple of arrays
            The value; a tuple for a box of several outputs.

        Raises
        ------
        UsageError
            If the class declares no `fprop`.
        """
        raise UsageError(
            f"{type(self).__name__}: declares no fprop; define fprop(self, *values of the children) in the class"
        )

    @property
    def spec(self) -> Spec:
        """Shape and dtype of the value.

        Raises
        ------
        UsageError
            If the box has several outputs; `box[0].spec` is that of the first.
        """
        if len(self.outputs) != 1:
            raise UsageError(f"{self.title}: found a box of {len(self.outputs)} outputs used as one; take box[0], ...")
        return self.outputs[0]

    def names_of_children(self) -> tuple[str, ...]:
        """The name of each child: the names of the parameters of `fprop`, numbered `a[0]`, `a[1]` for `*a`.

        Returns
        -------
        tuple of str
            One name per child.
        """
        if not self.variadic:
            return self.child_names
        *first, last = self.child_names
        return (*first, *(f"{last}[{i}]" for i in range(len(self.children) - len(first))))

    def setting_values(self) -> dict[str, Any]:
        """The settings of the box.

        Returns
        -------
        dict
            Values of the settings by name.
        """
        return {name: getattr(self, name) for name in self.settings}

    def slopes_of(self, position: int) -> Slopes:
        """What is known about the derivative with respect to one child: by default the `slopes` of the class.

        Parameters
        ----------
        position : int
            Number of the child, from 0 on.

        Returns
        -------
        str
            As the class variable `slopes`; "" where nothing is known.
        """
        return self.slopes

    @property
    def constant(self) -> tuple[bool, ...]:
        """For each child, whether no gradient is ever sent to it."""
        if not self.constant_children:
            return (False,) * len(self.children)
        return tuple(name.partition("[")[0] in self.constant_children for name in self.names_of_children())

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Floating-point operations of one fprop.

        Parameters
        ----------
        shape : tuple of int
            Shape of the value.
        *shapes : tuple of int
            Shape of each child.

        Returns
        -------
        int or None
            0 for a box that declares `arithmetic = False`, such as a transpose; None where there is no rule.
        """
        return None if self.arithmetic else 0

    @property
    def title(self) -> str:
        """Class and name of the box, as errors print them."""
        who = type(self).__name__
        return f"{who} {self.name!r}" if self.name else f"{who} {printable(self.scope)}".strip()

    def shape_error(self, problem: str, *notes: str) -> ShapeError:
        """A ShapeError that names this box, its children, and the lines that built them; the caller raises it.

        Parameters
        ----------
        problem : str
            What was found and what is needed.
        *notes : str
            Further lines of the message.

        Returns
        -------
        ShapeError
            The error.
        """
        return ShapeError("\n  ".join([f"{self.title}: {problem}", *self.lineup(), *notes]))

    def lineup(self) -> list[str]:
        """One line per child, for an error: name of the argument, name of the box, shape, the line that built it.

        Returns
        -------
        list of str
            The lines, aligned; empty for a box without children.
        """
        if not self.children:
            return []
        labels = self.names_of_children()
        names = [repr(child.name or child.symbol) for child in self.children]
        shapes = [" and ".join(shape_text(spec.shape) for spec in child.outputs) for child in self.children]
        wide = [max((len(text) for text in column), default=0) for column in (labels, names, shapes)]
        return [
            f"{label:<{wide[0]}} = {name:<{wide[1]}}  {shape:<{wide[2]}}  built at {child.built_at}"
            for label, name, shape, child in zip(labels, names, shapes, self.children, strict=True)
        ]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{shape_text(spec.shape)} {spec.dtype}" for spec in self.outputs)
        settings = "".join(f", {name}={_short(value)}" for name, value in self.setting_values().items())
        return f"<{self.title}{settings}: {shapes}>"


def _short(setting: object) -> str:
    if isinstance(setting, np.ndarray):
        return f"array({setting.tolist()})" if setting.size <= 8 else f"array of {shape_text(setting.shape)}"
    return repr(setting)
