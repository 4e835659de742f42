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
from flowgraph.shapes.spec import Spec, shape_text


class Node:
    """A node of the DAG: what a box declares and holds, and the words for it, made of that.

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
        """The value of the box from the values of its children.

        A subclass names them, fprop(self, a, b), which type checkers allow to override a signature of this form alone.
        """
        raise UsageError(f"{type(self).__name__}: has no fprop; a box declares one")

    @property
    def spec(self) -> Spec:
        """Shape and dtype of the value."""
        if len(self.outputs) != 1:
            raise UsageError(f"{self.title}: found a box of {len(self.outputs)} outputs used as one; take box[0], ...")
        return self.outputs[0]

    def names_of_children(self) -> tuple[str, ...]:
        """A name for each child, as fprop calls them."""
        if not self.variadic:
            return self.child_names
        *first, last = self.child_names
        return (*first, *(f"{last}[{i}]" for i in range(len(self.children) - len(first))))

    def setting_values(self) -> dict[str, Any]:
        """The settings by name."""
        return {name: getattr(self, name) for name in self.settings}

    @property
    def title(self) -> str:
        """Class and name, as errors call it."""
        who = type(self).__name__
        return f"{who} {self.name!r}" if self.name else f"{who} {printable(self.scope)}".strip()

    def shape_error(self, problem: str, *notes: str) -> ShapeError:
        """A ShapeError that names this box, its children and the lines that built them."""
        return ShapeError("\n  ".join([f"{self.title}: {problem}", *self.lineup(), *notes]))

    def lineup(self) -> list[str]:
        """One line per child: as what, which box, its shape, the line that built it; none of a box on arrays."""
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
