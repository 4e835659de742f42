"""Comparisons, and logic on masks and on the bits of integers, element by element; not differentiable."""

from __future__ import annotations

import numpy as np

from flowgraph.box import Elementwise, Value
from flowgraph.box.vocabulary import example


class Comparison(Elementwise, abstract=True):
    """Two numbers compared; the ufunc that a subclass names is its fprop."""

    def fprop(self, a: Value, b: Value) -> Value:
        return self.numpy(a, b)


class Question(Elementwise, abstract=True):
    """One number asked about; the ufunc that a subclass names is its fprop."""

    def fprop(self, a: Value) -> Value:
        return self.numpy(a)


class Equal(Comparison):
    """Whether two numbers are equal: h = (a = b), no gradient."""

    numpy = np.equal
    symbol = "="
    formula = "a = b"


class NotEqual(Comparison):
    """Whether two numbers differ: h = (a ≠ b), no gradient."""

    numpy = np.not_equal
    symbol = "≠"
    formula = r"a \neq b"


class Less(Comparison):
    """Whether a is below b: h = (a < b), no gradient."""

    numpy = np.less
    symbol = "<"
    formula = "a < b"


class LessEqual(Comparison):
    """Whether a is not above b: h = (a ≤ b), no gradient."""

    numpy = np.less_equal
    symbol = "≤"
    formula = r"a \leq b"


class Greater(Comparison):
    """Whether a is above b: h = (a > b), no gradient."""

    numpy = np.greater
    symbol = ">"
    formula = "a > b"


class GreaterEqual(Comparison):
    """Whether a is not below b: h = (a ≥ b), no gradient."""

    numpy = np.greater_equal
    symbol = "≥"
    formula = r"a \geq b"


class LogicalAnd(Comparison):
    """Logical and: whether both elements are true, or not 0. h = a ∧ b, no gradient."""

    numpy = np.logical_and
    symbol = "and"
    formula = r"a \wedge b"


class LogicalOr(Comparison):
    """Logical or: whether at least one element is true, or not 0. h = a ∨ b, no gradient."""

    numpy = np.logical_or
    symbol = "or"
    formula = r"a \vee b"


class LogicalXor(Comparison):
    """Logical exclusive or: whether exactly one element is true, or not 0. h = a ⊕ b, no gradient."""

    numpy = np.logical_xor
    symbol = "xor"
    formula = r"a \oplus b"


class LogicalNot(Question):
    """Logical not: whether an element is false, or 0. h = ¬a, no gradient."""

    numpy = np.logical_not
    symbol = "not"
    formula = r"\neg a"


class IsNan(Question):
    """Whether an element is NaN; no gradient."""

    numpy = np.isnan
    symbol = "is nan"
    formula = r"a \text{ is NaN}"


class IsInf(Question):
    """Whether an element is infinite; no gradient."""

    numpy = np.isinf
    symbol = "is inf"
    formula = r"|a| = \infty"


class IsFinite(Question):
    """Whether an element is neither infinite nor NaN; no gradient."""

    numpy = np.isfinite
    symbol = "is finite"
    formula = r"|a| < \infty"

    def parts(self, a: Value) -> Value:
        """Neither NaN nor an infinity."""
        return np.logical_not(np.isnan(a) | np.isinf(a))


class SignBit(Question):
    """Whether the sign bit is set, as for negative numbers and -0.0; no gradient."""

    numpy = np.signbit
    symbol = "signbit"

    def parts(self, a: Value) -> Value:
        """Below 0, or the zero whose reciprocal is."""
        return (a < 0) | ((a == 0) & (np.reciprocal(a) < 0)) if a.dtype.kind == "f" else a < 0


_MASKS = (
    example(np.array([True, True, False, False]), np.array([True, False, True, False])),
    example(np.array([[12, 10], [-1, 0]]), np.array([10, 3])),
)
_COUNTS = (example(np.array([[12, 10], [-1, 0]]), np.array([1, 3])),)


class BitwiseAnd(Comparison):
    """Logical and of booleans, bitwise and of integers: h = a & b, no gradient."""

    numpy = np.bitwise_and
    symbol = "&"
    examples = _MASKS


class BitwiseOr(Comparison):
    """Logical or of booleans, bitwise or of integers: h = a | b, no gradient."""

    numpy = np.bitwise_or
    symbol = "|"
    examples = _MASKS


class BitwiseXor(Comparison):
    """Exclusive or of booleans, bitwise of integers: h = a ^ b, no gradient."""

    numpy = np.bitwise_xor
    symbol = "^"
    examples = _MASKS


class Invert(Question):
    """Logical not of booleans, bitwise not of integers: h = ~a, no gradient."""

    numpy = np.invert
    symbol = "~"
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
