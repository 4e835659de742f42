"""Boxes whose bprop is right on arrays and does not run, or does not run rightly, on boxes."""

from __future__ import annotations

import numpy as np

import flowgraph as fg
from tests.registry import unregistered

_memory: dict[str, np.ndarray] = {}

with unregistered():

    class CachesValue(fg.Elementwise):
        """h = a³, with the child kept by fprop for bprop."""

        def fprop(self, a):
            _memory["a"] = a
            return a**3

        def bprop(self, grad, h, a):
            return (grad * (3 * _memory["a"] ** 2),)

    class CachesOnce(fg.Elementwise):
        """h = a³, with the slope kept from the first bprop for arrays of that shape."""

        def fprop(self, a):
            _memory.pop("slope", None)
            return a**3

        def bprop(self, grad, h, a):
            if "slope" not in _memory:
                _memory["slope"] = 3 * a**2
            return (grad * _memory["slope"],)

    class Mutates(fg.Elementwise):
        """h = a³, with the gradient written in place."""

        def fprop(self, a):
            return a**3

        def bprop(self, grad, h, a):
            sent = grad.copy()
            sent[...] = sent * 3 * a**2
            return (sent,)

    class AsArray(fg.Elementwise):
        """h = a³, by way of np.asarray."""

        def fprop(self, a):
            return a**3

        def bprop(self, grad, h, a):
            return (np.asarray(grad) * 3 * np.asarray(a) ** 2,)

    class Swallows(fg.Elementwise):
        """h = a³, with an answer of its own where np.asarray fails."""

        def fprop(self, a):
            return a**3

        def bprop(self, grad, h, a):
            try:
                slope = 3 * np.asarray(a) ** 2
            except TypeError:
                slope = 1.0
            return (grad * slope,)

    class Loops(fg.Elementwise):
        """h = a³, element by element in Python."""

        def fprop(self, a):
            return a**3

        def bprop(self, grad, h, a):
            slopes = [3 * float(x) ** 2 for x in np.ravel(a)]
            return (grad * np.reshape(slopes, np.shape(a)),)

    class Branches(fg.Elementwise):
        """h = a³, with an `if` on values."""

        def fprop(self, a):
            return a**3

        def bprop(self, grad, h, a):
            return (grad * 3 * a**2 if np.all(a > -100) else grad,)

    class Clean(fg.Elementwise):
        """h = a³, as it should be."""

        def fprop(self, a):
            return a**3

        def bprop(self, grad, h, a):
            return (grad * 3 * a**2,)


OPAQUE = (CachesValue, CachesOnce, Mutates, AsArray, Swallows, Loops, Branches)
