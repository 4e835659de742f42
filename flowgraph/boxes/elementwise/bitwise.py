"""Logic on masks and on the bits of integers: the operators & | ^ ~ << >> of NumPy; not differentiable."""

from __future__ import annotations

import numpy as np

from flowgraph.box.example import example
from flowgraph.boxes.elementwise.comparison import Comparison, Question

_MASKS = (
    example(np.array([True, True, False, False]), np.array([True, False, True, False])),
    example(np.array([[12, 10], [-1, 0]]), np.array([10, 3])),
)
_COUNTS = (example(np.array([[12, 10], [-1, 0]]), np.array([1, 3])),)


class BitwiseAnd(Comparison):
    """Logical and of booleans, bitwise and of integers: h = a & b, no gradient."""

    numpy = np.bitwise_and
    symbol = "&"
    formula = r"a \wedge b"
    examples = _MASKS


class BitwiseOr(Comparison):
    """Logical or of booleans, bitwise or of integers: h = a | b, no gradient."""

    numpy = np.bitwise_or
    symbol = "|"
    formula = r"a \vee b"
    examples = _MASKS


class BitwiseXor(Comparison):
    """Exclusive or of booleans, bitwise of integers: h = a ^ b, no gradient."""

    numpy = np.bitwise_xor
    symbol = "^"
    formula = r"a \oplus b"
    examples = _MASKS


class Invert(Question):
    """Logical not of booleans, bitwise not of integers: h = ~a, no gradient."""

    numpy = np.invert
    symbol = "~"
    formula = r"\neg a"
    examples = (example(np.array([True, False])), example(np.array([[12, 0], [-1, 7]])))


class LeftShift(Comparison):
    """Bits moved to the left: h = a 2^b, no gradient."""

    numpy = np.left_shift
    symbol = "<<"
    formula = r"a \cdot 2^b"
    examples = _COUNTS


class RightShift(Comparison):
    """Bits moved to the right: h = ⌊a / 2^b⌋, no gradient."""

    numpy = np.right_shift
    symbol = ">>"
    formula = r"\lfloor a / 2^b \rfloor"
    examples = _COUNTS
