"""Numbers that count the operations done on them: an object array of them shows what an fprop computes."""

import math
from collections import Counter

import numpy as np


class Counting:
    """A real number that counts, in `done`, the sums and products in which it takes part, and all else as "other"."""

    def __init__(self, value, done):
        self.value = value
        self.done = done

    def _with(self, other, kind, function):
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy goes through its elements
        self.done[kind] += 1
        return Counting(function(self.value, other.value if isinstance(other, Counting) else other), self.done)

    def __add__(self, other):
        return self._with(other, "sum", lambda a, b: a + b)

    def __sub__(self, other):
        return self._with(other, "sum", lambda a, b: a - b)

    def __rsub__(self, other):
        return self._with(other, "sum", lambda a, b: b - a)

    def __mul__(self, other):
        return self._with(other, "product", lambda a, b: a * b)

    def __truediv__(self, other):
        return self._with(other, "product", lambda a, b: a / b)

    def __rtruediv__(self, other):
        return self._with(other, "product", lambda a, b: b / a)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self._with(0, "other", lambda a, b: -a)

    def __abs__(self):
        return self._with(0, "other", lambda a, b: abs(a))

    def __lt__(self, other):
        self.done["other"] += 1
        return self.value < (other.value if isinstance(other, Counting) else other)

    def __gt__(self, other):
        self.done["other"] += 1
        return self.value > (other.value if isinstance(other, Counting) else other)

    def __le__(self, other):
        return not self > other

    def __ge__(self, other):
        return not self < other

    def __eq__(self, other):
        self.done["other"] += 1
        return self.value == (other.value if isinstance(other, Counting) else other)

    __hash__ = None

    def conjugate(self):
        """A real number is its own."""
        return self

    def exp(self):
        """As NumPy asks of an object."""
        return self._with(0, "other", lambda a, b: math.exp(a))

    def log(self):
        """As NumPy asks of an object."""
        return self._with(0, "other", lambda a, b: math.log(a))

    def sqrt(self):
        """As NumPy asks of an object."""
        return self._with(0, "other", lambda a, b: math.sqrt(a))


def counted(box, children):
    """What an fprop on these arrays does, by kind; None where the fprop takes no objects."""
    done = Counter()
    made = np.frompyfunc(lambda value: Counting(float(value), done), 1, 1)
    arrays = [np.asarray(made(a), dtype=object) if a.dtype.kind == "f" else a for a in children]
    try:
        with np.errstate(all="ignore"):
            box.fprop(*arrays)
    except Exception:  # whatever an fprop raises that takes numbers of the machine alone
        return None
    return done
