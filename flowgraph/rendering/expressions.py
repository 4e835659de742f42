"""Expressions of mathematics as trees, simplified as they are built: what a gradient graph computes, in fewer signs."""

from __future__ import annotations

from cmath import isfinite
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias

from flowgraph.box import Box

Scalar: TypeAlias = int | Fraction | float | complex

Axes: TypeAlias = tuple[int, ...] | None
"""Axes of an array; None for all of them."""


@dataclass(frozen=True)
class Expression:
    """A node of such a tree; equal nodes compute the same."""

    @property
    def parts(self) -> tuple[Expression, ...]:
        """The nodes that it is made of."""
        values = [getattr(self, one.name) for one in fields(self)]
        return tuple(
            part for value in values for part in (value if isinstance(value, tuple) else (value,))
            if isinstance(part, Expression)
        )  # fmt: skip


@dataclass(frozen=True)
class Number(Expression):
    """A number, repeated where an array is needed; a whole one, and what is divided by one, is exact."""

    value: Scalar


@dataclass(frozen=True)
class Letter(Expression):
    """A box or the gradient of one, as it is printed; a `note` says how it is repeated."""

    latex: str
    is_real: bool = True
    is_gradient: bool = False
    is_scalar: bool = False
    note: str = ""


@dataclass(frozen=True)
class Declared(Expression):
    """What a class declares of its derivative, in LaTeX."""

    latex: str
    is_real: bool


@dataclass(frozen=True)
class Product(Expression):
    """A product by element, over another."""

    coefficient: Scalar
    above: tuple[Expression, ...]
    below: tuple[Expression, ...]


@dataclass(frozen=True)
class Sum(Expression):
    """A sum of several terms."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True)
class Power(Expression):
    """A power of each element; of 1/2, its root."""

    base: Expression
    exponent: Expression


@dataclass(frozen=True)
class Function(Expression):
    """A function under the name that mathematics has for it."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Truth(Expression):
    """A condition that always holds, or never."""

    value: bool


@dataclass(frozen=True)
class Relation(Expression):
    """A comparison of two sides, or two conditions joined."""

    sign: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Not(Expression):
    """The contrary of a condition."""

    inner: Expression


@dataclass(frozen=True)
class Indicator(Expression):
    """1 where a condition holds, else 0."""

    condition: Expression


@dataclass(frozen=True)
class Cases(Expression):
    """One expression where a condition holds, else another."""

    condition: Expression
    one: Expression
    other: Expression


@dataclass(frozen=True)
class OverAxes(Expression):
    """The sum along axes, which stay with length 1."""

    axes: Axes
    inner: Expression


@dataclass(frozen=True)
class Transposed(Expression):
    """The last two axes exchanged."""

    inner: Expression


@dataclass(frozen=True)
class Inverse(Expression):
    """The inverse of a matrix."""

    inner: Expression


@dataclass(frozen=True)
class Conjugate(Expression):
    """The complex conjugate of what is no sum or product."""

    inner: Expression


@dataclass(frozen=True)
class MatrixProduct(Expression):
    """A product of matrices, or of vectors and matrices."""

    factors: tuple[Expression, ...]


@dataclass(frozen=True)
class Operation(Expression):
    """A box that is printed by its own formula, or in words; `key` tells operations apart."""

    key: tuple[Any, ...]
    arguments: tuple[Expression, ...]
    box: Box = field(compare=False)
    index: int | None = None

    @cached_property
    def is_real(self) -> bool:
        """Whether its value is."""
        return self.box.outputs[self.index or 0].dtype.kind != "c"


ZERO, ONE = Number(0), Number(1)
_REAL_FUNCTIONS = (r"\operatorname{Re}", r"\operatorname{Im}", "abs", r"\operatorname{arg}")


def has(expression: Expression, wanted: Callable[[Expression], bool]) -> bool:
    """Whether a node of an expression is a wanted one."""
    return wanted(expression) or any(has(part, wanted) for part in expression.parts)


def is_gradient(expression: Expression) -> bool:
    """Whether an expression holds a gradient."""
    return has(expression, lambda part: isinstance(part, Letter) and part.is_gradient)


def is_matrix_product(expression: Expression) -> bool:
    """Whether an expression holds a product of matrices, or an inverse."""
    return has(expression, lambda part: isinstance(part, MatrixProduct | Inverse))


def size(expression: Expression) -> int:
    """How many nodes an expression has."""
    return 1 + sum(map(size, expression.parts))


def exact(value: Scalar) -> Scalar:
    """A number without rounding where it is a whole one."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_EXACT:
        return int(value)
    return value


_LARGEST_EXACT = 1e6
"""Of floats that are taken for whole numbers."""


def _quotient(one: Scalar, other: Scalar) -> Scalar:
    if not isinstance(one, int | Fraction) or not isinstance(other, int | Fraction):
        return one / other
    quotient = Fraction(one) / other
    return int(quotient) if quotient.denominator == 1 else quotient


def split(expression: Expression) -> tuple[Scalar, tuple[Expression, ...], tuple[Expression, ...]]:
    """An expression as a product: the number, what stands above and below."""
    if isinstance(expression, Product):
        return expression.coefficient, expression.above, expression.below
    return (expression.value, (), ()) if isinstance(expression, Number) else (1, (expression,), ())


def product(above: Iterable[Expression], below: Iterable[Expression] = (), coefficient: Scalar = 1) -> Expression:
    """The product of some over others, what is common to both left out."""
    above, below = tuple(above), tuple(below)
    over: list[Expression] = []
    under: list[Expression] = []
    for parts, up, down in ((above, over, under), (below, under, over)):
        for part in parts:
            number, own_above, own_below = split(part)
            if up is under and number == 0:
                return Product(coefficient, above, below)
            coefficient = exact(coefficient * number) if up is over else _quotient(coefficient, number)
            up.extend(own_above)
            down.extend(own_below)
    if coefficient == 0:
        return ZERO
    bases, exponents = _powers(over, under)
    raised = [(base, exponent) for base, exponent in zip(bases, exponents, strict=True) if exponent != 0]
    upper = _with_squares([power(base, Number(exact(exponent))) for base, exponent in raised if exponent > 0])
    lower = _with_squares([power(base, Number(exact(-exponent))) for base, exponent in raised if exponent < 0])
    if not upper and not lower:
        return Number(coefficient)
    if coefficient == 1 and len(upper) == 1 and not lower:
        return upper[0]
    return Product(coefficient, tuple(upper), tuple(lower))


def _powers(over: Sequence[Expression], under: Sequence[Expression]) -> tuple[list[Expression], list[float]]:
    """The bases of a product and their exponents, in the order in which they come; an indicator counts once."""
    bases: list[Expression] = []
    exponents: list[float] = []
    for parts, sign in ((over, 1), (under, -1)):
        for part in parts:
            base, exponent = part, 1.0
            if (
                isinstance(part, Power)
                and isinstance(part.exponent, Number)
                and not isinstance(part.exponent.value, complex)
            ):
                base, exponent = part.base, float(part.exponent.value)
            if base not in bases:
                bases.append(base)
                exponents.append(sign * exponent)
            elif not isinstance(base, Indicator) or sign < 0:
                exponents[bases.index(base)] += sign * exponent
    return bases, exponents


def _with_squares(factors: list[Expression]) -> list[Expression]:
    """The factors with (p - q) (p + q) as p² - q²."""
    for i, one in enumerate(factors):
        for other in factors[i + 1 :]:
            if isinstance(one, Sum) and isinstance(other, Sum) and len(one.terms) == len(other.terms) == 2:
                (p, q), (r, s) = one.terms, other.terms
                if p == r and q == negative(s):
                    rest = [factor for factor in factors if factor is not one and factor is not other]
                    return [add([power(p, Number(2)), negative(power(s, Number(2)))]), *rest]
    return factors


def power(base: Expression, exponent: Expression) -> Expression:
    """A power; those of numbers, and powers of powers, are computed."""
    if exponent == ONE:
        return base
    if exponent == ZERO:
        return ONE
    if isinstance(base, Number) and isinstance(exponent, Number) and base.value != 0:
        return Number(exact(base.value**exponent.value))
    if isinstance(base, Power) and isinstance(base.exponent, Number) and isinstance(exponent, Number):
        inner, outer = base.exponent.value, exponent.value
        if isinstance(inner, int) and isinstance(outer, int):
            return power(base.base, Number(inner * outer))
    return Power(base, exponent)


def negative(expression: Expression) -> Expression:
    """The expression with the other sign."""
    if isinstance(expression, Sum) and all(_is_negative(term) for term in expression.terms):
        return add([negative(term) for term in expression.terms])
    return product([expression], coefficient=-1)


def _is_negative(expression: Expression) -> bool:
    number = split(expression)[0]
    return not isinstance(number, complex) and number < 0


def add(terms: Iterable[Expression]) -> Expression:
    """The sum: equal terms are counted, and what is common to all stands before."""
    counted: list[tuple[Scalar, Any]] = []
    for term in terms:
        for inner in term.terms if isinstance(term, Sum) else (term,):
            number, *rest = split(inner)
            same = next((place for place, (_, other) in enumerate(counted) if other == rest), None)
            if same is None:
                counted.append((number, rest))
            else:
                counted[same] = (exact(counted[same][0] + number), rest)
    parts = _without_contraries([product(above, below, number) for number, (above, below) in counted if number != 0])
    if len(parts) < 2:
        return parts[0] if parts else ZERO
    above = [factor for factor in split(parts[0])[1] if all(factor in split(part)[1] for part in parts)]
    below = [factor for factor in split(parts[0])[2] if all(factor in split(part)[2] for part in parts)]
    if not above and not below:
        return Sum(tuple(parts))
    inner_sum = add([product([part, *below], above) for part in parts])
    return product([*above, inner_sum], below)


def _without_contraries(terms: list[Expression]) -> list[Expression]:
    """The terms, with x where it is added up of where a condition holds and of where it does not."""
    for i, one in enumerate(terms):
        number, above, below = split(one)
        for factor in above:
            if isinstance(factor, Indicator):
                contrary = Indicator(contrary_of(factor.condition))
                rest = tuple(other for other in above if other is not factor)
                for j, other in enumerate(terms[i + 1 :], i + 1):
                    if split(other) == (number, (contrary, *rest), below) or split(other) == (
                        number,
                        (*rest, contrary),
                        below,
                    ):
                        left = [term for k, term in enumerate(terms) if k not in (i, j)]
                        return _without_contraries([product(rest, below, number), *left])
    return terms


_CONTRARY = {"=": r"\neq", ">": r"\leq", "<": r"\geq", r"\neq": "=", r"\leq": ">", r"\geq": "<"}
_TURNED = {"=": "=", ">": "<", "<": ">", r"\neq": r"\neq", r"\leq": r"\geq", r"\geq": r"\leq"}


def contrary_of(condition: Expression) -> Expression:
    """The condition that holds where another does not, NaN left aside."""
    if isinstance(condition, Truth):
        return Truth(not condition.value)
    if isinstance(condition, Relation) and condition.sign in _CONTRARY:
        return Relation(_CONTRARY[condition.sign], condition.left, condition.right)
    return condition.inner if isinstance(condition, Not) else Not(condition)


def relation(sign: str, left: Expression, right: Expression) -> Expression:
    """A comparison with the number on its right side."""
    if isinstance(left, Number) and not isinstance(right, Number):
        left, right, sign = right, left, _TURNED[sign]
    if isinstance(left, Indicator) and right == ZERO and sign in (r"\neq", ">"):
        return left.condition
    return Relation(sign, left, right)


def join_conditions(sign: str, left: Expression, right: Expression) -> Expression:
    r"""Two conditions, joined by \wedge or \vee."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Truth):
            return other if one.value == (sign == r"\wedge") else one
    return left if left == right else Relation(sign, left, right)


def indicator(condition: Expression) -> Expression:
    """1 where a condition holds, else 0."""
    return Number(int(condition.value)) if isinstance(condition, Truth) else Indicator(condition)


_SHORT = 14
"""Nodes of two cases that are written as a sum with indicators."""


def choose(condition: Expression, one: Expression, other: Expression) -> Expression:
    """One expression where a condition holds, else another; what only keeps a number finite is left out."""
    if isinstance(condition, Truth):
        return one if condition.value else other
    guarded = _drop_guard(condition, one, other)
    if guarded is not None:
        return guarded
    if any(isinstance(part, Number) and not isfinite(part.value) for part in (one, other)):
        return Cases(condition, one, other)  # 0 times infinity is no number
    if other == ZERO:
        return product([Indicator(condition), one])
    if one == ZERO:
        return product([Indicator(contrary_of(condition)), other])
    common = [factor for factor in split(one)[1] if factor in split(other)[1]]
    if common:
        rest = (product([part], common) for part in (one, other))
        return product([*common, choose(condition, *rest)])
    if size(one) + size(other) < _SHORT and isinstance(condition, Relation) and condition.sign in _CONTRARY:
        return add([product([one, Indicator(condition)]), product([other, Indicator(contrary_of(condition))])])
    return Cases(condition, one, other)


def _drop_guard(condition: Expression, one: Expression, other: Expression) -> Expression | None:
    """One of the two, where the other equals it or is a number in the place of what would be divided by 0."""
    if one == other:
        return one
    if isinstance(condition, Relation):
        sides = (condition.left, condition.right)
        if condition.sign == "=" and ((one in sides and other in sides) or (one == ONE and other in sides)):
            return other
        if other == ONE and one in sides and not isinstance(one, Number):
            return one
        if one == ONE and condition.sign == "=" and condition.right == ZERO and not isinstance(other, Number):
            return other
        if other == ONE and condition.sign == r"\neq" and condition.right == ZERO and not isinstance(one, Number):
            return one
        if condition.sign == r"\neq" and one in sides and other in sides:
            return one
    return None


def over_axes(axes: Axes, inner: Expression) -> Expression:
    """The sum along axes, with the number before it."""
    number, above, below = split(inner)
    if number != 1 and (above or below):
        return product([OverAxes(axes, product(above, below))], coefficient=number)
    return OverAxes(axes, inner)


def transpose(inner: Expression) -> Expression:
    """The last two axes exchanged; what is transposed already comes back."""
    if isinstance(inner, Transposed):
        return inner.inner
    number, above, below = split(inner)
    if number != 1 and (above or below):
        return product([transpose(product(above, below))], coefficient=number)
    return inner if isinstance(inner, Number) else Transposed(inner)


def matrix_product(left: Expression, right: Expression) -> Expression:
    """The product of matrices, with the numbers before it."""
    factors: list[Expression] = []
    numbers: list[Expression] = []
    for side in (left, right):
        number, above, below = split(side)
        numbers.append(Number(number))
        bare = product(above, below)
        factors += bare.factors if isinstance(bare, MatrixProduct) else [bare]
    return product([*numbers, MatrixProduct(tuple(factors))])


def is_real(expression: Expression) -> bool:
    """Whether an expression has no imaginary part."""
    if isinstance(expression, Letter | Operation | Declared):
        return expression.is_real
    if isinstance(expression, Number):
        return not isinstance(expression.value, complex)
    if isinstance(expression, Function) and expression.name in _REAL_FUNCTIONS:
        return True
    if isinstance(expression, Product) and isinstance(expression.coefficient, complex):
        return False
    return all(map(is_real, expression.parts))


def real_part(inner: Expression) -> Expression:
    """The real part of an expression."""
    return inner if is_real(inner) else Function(r"\operatorname{Re}", (inner,))


def conjugate(inner: Expression) -> Expression:
    """The complex conjugate, of a sum or a product that of each part."""
    if is_real(inner):
        return inner
    if isinstance(inner, Number):
        return Number(complex(inner.value).conjugate())
    if isinstance(inner, Conjugate):
        return inner.inner
    if isinstance(inner, Product):
        number = complex(inner.coefficient).conjugate() if isinstance(inner.coefficient, complex) else inner.coefficient
        return product(map(conjugate, inner.above), map(conjugate, inner.below), number)
    if isinstance(inner, Sum):
        return add(map(conjugate, inner.terms))
    if isinstance(inner, MatrixProduct):
        return MatrixProduct(tuple(map(conjugate, inner.factors)))
    return _conjugate_inside(inner)


def _conjugate_inside(inner: Expression) -> Expression:
    """The conjugate of what it can be taken inside of."""
    if isinstance(inner, OverAxes):
        return OverAxes(inner.axes, conjugate(inner.inner))
    if isinstance(inner, Transposed):
        return transpose(conjugate(inner.inner))
    if isinstance(inner, Inverse):
        return Inverse(conjugate(inner.inner))
    if isinstance(inner, Cases):
        return Cases(inner.condition, conjugate(inner.one), conjugate(inner.other))
    if isinstance(inner, Power) and isinstance(inner.exponent, Number) and isinstance(inner.exponent.value, int):
        return power(conjugate(inner.base), inner.exponent)
    return Conjugate(inner)
