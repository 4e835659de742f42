"""Boxes of two outputs, (a³, a² b), whose bprop is right on arrays; on boxes only that of `Clean` is."""

from __future__ import annotations

import numpy as np

import flowgraph as fg
from tests.registry import unregistered

_memory: dict[str, np.ndarray] = {}


def added(grad, of_cube, of_product):
    """The gradient of one child from what each output sends, where a gradient arrives."""
    sent = [part * slope for part, slope in zip(grad, (of_cube, of_product), strict=True) if part is not None]
    return sent[0] if len(sent) == 1 else sent[0] + sent[1]


with unregistered():

    class Clean(fg.Box):
        """(a³, a² b), as it should be; h[0] is used as it comes."""

        def fprop(self, a, b):
            return a**3, a**2 * b

        def bprop(self, grad, h, a, b):
            return added(grad, 3 * a**2, 2 * a * b), added(grad, 0 * h[0], a**2)

    class Swaps(fg.Box):
        """h = the rows of a from the second on, then the first; its bprop takes the gradient apart."""

        def fprop(self, a):
            return np.concatenate([a[1:], a[:1]])

        def bprop(self, grad, h, a):
            later, first = np.split(grad, [-1])
            return (np.concatenate([first, later]),)

    class Caches(Clean):
        """With the child kept by fprop for bprop."""

        def fprop(self, a, b):
            _memory["a"] = a
            return a**3, a**2 * b

        def bprop(self, grad, h, a, b):
            a = _memory["a"]
            return added(grad, 3 * a**2, 2 * a * b), added(grad, 0 * a, a**2)

    class CachesOfOneOutput(Clean):
        """With a memory that only the gradient of the second output reads."""

        def fprop(self, a, b):
            _memory["b"] = b
            return a**3, a**2 * b

        def bprop(self, grad, h, a, b):
            if grad[1] is None:
                return grad[0] * 3 * a**2, 0 * b * grad[0]
            return added(grad, 3 * a**2, 2 * a * _memory["b"]), added(grad, 0 * a, a**2)

    class OtherOnBoxes(Clean):
        """With other numbers on boxes than on arrays."""

        def bprop(self, grad, h, a, b):
            slope = 3 if isinstance(a, np.ndarray) else 2
            return added(grad, slope * a**2, 2 * a * b), added(grad, 0 * a, a**2)


OPAQUE = (Caches, CachesOfOneOutput, OtherOnBoxes)
