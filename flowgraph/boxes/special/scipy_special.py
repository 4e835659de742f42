"""What the boxes of scipy.special share: SciPy is imported when one of them is first run, and complex children."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

from flowgraph.box import Elementwise, Value
from flowgraph.errors import DtypeError, optional
from flowgraph.shapes.spec import Spec


class Special(Elementwise, abstract=True):
    """A function of scipy.special, element by element: the one that `numpy` names, on children as bprop calls them.

    It takes complex children where `of_complex` says so.
    """

    of_complex: ClassVar[bool] = False

    def fprop(self, *values: Value) -> Value:
        """The function of SciPy."""
        name = self.numpy if isinstance(self.numpy, str) else self.numpy[0]
        return getattr(special(), name.rpartition(".")[2])(*values)

    def infer(self, *specs: Any) -> Spec:
        """As of every elementwise box, once complex children are refused."""
        if not self.of_complex and any(spec.dtype.kind == "c" for spec in specs):
            raise DtypeError(f"{self.title}: found complex numbers, needs real ones: its derivative is known for those")
        return super().infer(*specs)


@functools.cache
def special() -> Any:
    """The module scipy.special."""
    return optional("scipy.special", "a box of scipy.special needs SciPy", "scipy")
