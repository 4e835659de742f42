"""How a box presents itself: its title, its children in an error, its repr."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from flowgraph.errors import ShapeError
from flowgraph.printable import printable
from flowgraph.shapes.spec import Spec, shape_text

if TYPE_CHECKING:
    from flowgraph.box.base import Box


class Description:
    """The words for a box, made of what it declares."""

    child_names: ClassVar[tuple[str, ...]] = ()
    variadic: ClassVar[bool] = False
    settings: ClassVar[Mapping[str, Any]] = {}

    if TYPE_CHECKING:
        children: tuple[Box, ...]
        name: str | None
        scope: str
        outputs: tuple[Spec, ...]

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


def _short(setting: Any) -> str:
    if isinstance(setting, np.ndarray):
        return f"array({setting.tolist()})" if setting.size <= 8 else f"array of {shape_text(setting.shape)}"
    return repr(setting)
