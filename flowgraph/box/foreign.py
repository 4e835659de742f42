"""The interface that arrays of other libraries need so that the methods of boxes run on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeGuard

from flowgraph.box.value import Value


class Foreign(ABC):
    """An array of another library that takes part in NumPy's dispatch, whose numbers cannot be looked at.

    `Box.apply` lets it compute the box, and what a fprop refuses is noted, since nothing can be raised for it.
    """

    __slots__ = ()

    @abstractmethod
    def computed(self, box: Any, values: Sequence[Value]) -> Any:
        """The value of a box on these arrays, of which this one is the first of its kind."""

    @abstractmethod
    def note_wrong(self) -> None:
        """Note that values are to be refused where any element of this array of booleans holds."""


def is_foreign(value: Value) -> TypeGuard[Foreign]:
    """Whether a value is such an array.

    >>> import numpy as np
    >>> from flowgraph.box.foreign import is_foreign
    >>> is_foreign(np.ones(2)), is_foreign(1.0)
    (False, False)
    """
    return isinstance(value, Foreign)
