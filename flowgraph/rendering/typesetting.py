"""Expressions in LaTeX, with brackets where they are needed: gradients first, numbers before letters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from flowgraph.box import Box
from flowgraph.rendering.boxes_in_symbols import said_children
from flowgraph.rendering.expressions import (
    Cases,
    Conjugate,
    Declared,
    Expression,
    Function,
    Indicator,
    Inverse,
    Letter,
    MatrixProduct,
    Not,
    Number,
    Operation,
    OverAxes,
    Power,
    Product,
    Relation,
    Scalar,
    Sum,
    Transposed,
    Truth,
    is_gradient,
    is_matrix_product,
    size,
    split,
)
from flowgraph.rendering.formula_of_box import (
    in_brackets,
    is_atom,
    is_call,
    is_closed,
    is_fraction,
    over_axes_latex,
    words,
    write_formula,
)
from flowgraph.rendering.formulas import number_latex

SUM, PRODUCT, FACTOR, BASE, ATOM = range(5)
"""How tightly signs bind; an expression gets brackets where more is needed than it has."""

_KNOWN = (
    (math.pi, r"\pi"), (2 * math.pi, r"2 \pi"), (math.pi / 180, r"\frac{\pi}{180}"), (math.pi**2, r"\pi^2"),
    (math.log(2), r"\ln 2"), (math.log(10), r"\ln 10"), (math.sqrt(2), r"\sqrt{2}"),
    (180 / math.pi, r"\frac{180}{\pi}"),
    (math.sqrt(2 * math.pi), r"\sqrt{2 \pi}"), (2 / math.sqrt(math.pi), r"\frac{2}{\sqrt{\pi}}"),
    (math.sqrt(math.pi) / 2, r"\frac{\sqrt{\pi}}{2}"), (math.sqrt(2 / math.pi), r"\sqrt{\frac{2}{\pi}}"),
)  # fmt: skip
"""Numbers that have a sign; of each also its inverse."""

_LONGEST_EXPONENT = 12
"""Nodes of an exponent that stands above; a larger one stands in exp( )."""


def latex_of(expression: Expression, in_words: bool = False) -> str:
    """An expression in LaTeX; operations in words alone, if so asked."""
    return _Typesetter(is_matrix_product(expression), in_words).text(expression)


def number_text(value: Scalar) -> str:
    """A number as mathematics writes it, with six digits otherwise."""
    if isinstance(value, Fraction):
        sign = "-" if value < 0 else ""
        return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    if isinstance(value, complex):
        parts = {1j: "i", -1j: "-i"}
        return parts[value] if value in parts else number_latex(value) if value.real else f"{number_text(value.imag)} i"
    if value < 0:
        return f"-{number_text(-value)}"
    for known, latex in _KNOWN:
        if math.isclose(value, known, rel_tol=1e-12):
            return latex
        if math.isclose(value, 1 / known, rel_tol=1e-12):
            return rf"\frac{{1}}{{{latex}}}"
    return number_latex(value)


class _Typesetter:
    """Writes one expression; beside a product of matrices, that by element has a sign of its own."""

    def __init__(self, has_matrices: bool, in_words: bool) -> None:
        self.by_element = r" \odot " if has_matrices else r" \, "
        self.has_matrices = has_matrices
        self.in_words = in_words

    def text(self, expression: Expression, needed: int = SUM) -> str:
        latex, binding = _WRITERS[type(expression)](self, expression)
        return latex if binding >= needed else rf"\left({latex}\right)"

    def letter(self, letter: Letter) -> tuple[str, int]:
        note = rf" \, \text{{({letter.note})}}" if letter.note else ""
        return letter.latex + note, FACTOR if note else ATOM if letter.is_gradient or "^" not in letter.latex else BASE

    def text_of_declared(self, declared: Declared) -> tuple[str, int]:
        """As a sum where it is one, so that it gets brackets."""
        return declared.latex, _binding(declared.latex)

    def number(self, number: Number) -> tuple[str, int]:
        latex = number_text(number.value)
        return latex, SUM if latex.startswith("-") else ATOM if is_atom(latex) else FACTOR

    def sum(self, total: Sum) -> tuple[str, int]:
        ordered = sorted(total.terms, key=lambda term: self.text(term).startswith("-"))
        latex = self.text(ordered[0])
        for term in ordered[1:]:
            more = self.text(term)
            latex += f" - {more[1:].lstrip()}" if more.startswith("-") else f" + {more}"
        return latex, SUM

    def product(self, product: Product) -> tuple[str, int]:
        number, above, below = split(product)
        negative = not isinstance(number, complex) and number < 0
        number = -number if negative else number
        gradients = [factor for factor in above if is_gradient(factor)]
        others = sorted((factor for factor in above if not is_gradient(factor)), key=_rank)
        if not gradients:
            core = self._fraction(number, others, below, alone=True)
        elif others and not below and all(isinstance(factor, Letter) and factor.is_scalar for factor in gradients):
            core = self._fraction(number, [*gradients, *others], (), alone=True)
        else:
            core = self._product_sent(number, gradients, others, below)
        return (f"-{core}", SUM) if negative else (core, PRODUCT)

    def _product_sent(
        self, number: Scalar, gradients: list[Expression], others: list[Expression], below: Sequence[Expression]
    ) -> str:
        """What arrives, times the slopes; numbers stand before it."""
        core = self._fraction(number, others, below, alone=False)
        needed = FACTOR if others or below or len(gradients) > 1 else PRODUCT
        arriving = r" \odot ".join(self.text(factor, needed) for factor in gradients)
        scalar = all(isinstance(factor, Letter) and factor.is_scalar for factor in (*gradients, *below))
        if not core:
            return arriving
        if self.has_matrices and others and not below and number != 1 and not isinstance(number, Fraction):
            before = self._fraction(number, (), (), alone=False)
            return rf"{before} \, {arriving} \odot {self._fraction(1, others, (), alone=False)}"
        if not others and (scalar or not below):
            return rf"{core} \, {arriving}"
        return rf"{arriving} \odot {core}"

    def _fraction(self, number: Scalar, above: Sequence[Expression], below: Sequence[Expression], alone: bool) -> str:
        """A number and factors, over others."""
        number = Fraction(1, 2) if number == 0.5 else number
        under = [str(number.denominator)] if isinstance(number, Fraction) else []
        number = number.numerator if isinstance(number, Fraction) else number
        over = [] if number == 1 else [number_text(number)]
        few = len(over) + len(above) == 1 and (alone or under or below)
        over += [self.text(factor, (SUM if under or below else PRODUCT) if few else FACTOR) for factor in above]
        numbers = len(over) - len(above)
        upper = r" \, ".join([*over[:numbers], self.by_element.join(over[numbers:])] if above else over)
        if not under and not below:
            return upper
        under += [self.text(factor, FACTOR if len(below) + len(under) > 1 else SUM) for factor in below]
        return rf"\frac{{{upper or 1}}}{{{self.by_element.join(under)}}}"

    def power(self, power: Power) -> tuple[str, int]:
        if power.exponent == Number(0.5):
            return rf"\sqrt{{{self.text(power.base)}}}", ATOM
        return rf"{self.text(power.base, ATOM)}^{{{self.text(power.exponent)}}}", BASE

    def function(self, function: Function) -> tuple[str, int]:
        inner = ", ".join(map(self.text, function.arguments))
        if function.name in _BETWEEN:
            return _BETWEEN[function.name].format(inner), ATOM
        if function.name == r"\exp" and size(function.arguments[0]) <= _LONGEST_EXPONENT:
            return f"e^{{{inner}}}", BASE
        return f"{function.name}({inner})", BASE

    def condition(self, condition: Expression) -> tuple[str, int]:
        return f"1_{{{self._condition(condition)}}}", ATOM

    def indicator(self, indicator: Indicator) -> tuple[str, int]:
        return self.condition(indicator.condition)

    def _condition(self, condition: Expression) -> str:
        if isinstance(condition, Relation):
            if condition.sign not in (r"\wedge", r"\vee"):
                return f"{self.text(condition.left)} {condition.sign} {self.text(condition.right)}"
            sides = [self._condition(side) for side in (condition.left, condition.right)]
            loose = [isinstance(side, Relation) and side.sign == r"\vee" for side in (condition.left, condition.right)]
            return f" {condition.sign} ".join(
                rf"\left({side}\right)" if open_ else side for side, open_ in zip(sides, loose, strict=True)
            )
        if isinstance(condition, Not):
            inner = self._condition(condition.inner)
            return rf"\neg {inner}" if is_atom(inner) else rf"\neg \left({inner}\right)"
        if isinstance(condition, Truth):
            return "1 = 1" if condition.value else "1 = 0"
        return self.text(condition)

    def cases(self, cases: Cases) -> tuple[str, int]:
        one, other = self.text(cases.one), self.text(cases.other)
        rows = rf"{one} & {self._condition(cases.condition)} \\ {other} & \text{{otherwise}}"
        return rf"\begin{{cases}} {rows} \end{{cases}}", PRODUCT

    def over_axes(self, total: OverAxes) -> tuple[str, int]:
        return rf"\textstyle\sum{over_axes_latex(total.axes)} {self.text(total.inner, PRODUCT)}", PRODUCT

    def transpose(self, transposed: Transposed) -> tuple[str, int]:
        inner = transposed.inner
        if isinstance(inner, Inverse):
            return rf"{self._base(inner.inner)}^{{-\top}}", BASE
        if isinstance(inner, Conjugate):
            return rf"{self._base(inner.inner)}^H", BASE
        return rf"{self._base(inner)}^\top", BASE

    def _base(self, inner: Expression) -> str:
        """What has a sign above; a letter that has one already is taken as a whole."""
        return f"{{{inner.latex}}}" if isinstance(inner, Letter) and not inner.note else self.text(inner, ATOM)

    def inverse(self, inverse: Inverse) -> tuple[str, int]:
        inner = inverse.inner
        if isinstance(inner, Transposed):
            bare = inner.inner
            turned = "-H" if isinstance(bare, Conjugate) else r"-\top"
            return rf"{self._base(bare.inner if isinstance(bare, Conjugate) else bare)}^{{{turned}}}", BASE
        return rf"{self._base(inner)}^{{-1}}", BASE

    def conjugate(self, conjugate: Conjugate) -> tuple[str, int]:
        inner = conjugate.inner
        latex = self.text(inner)
        plain = isinstance(inner, Letter) and not inner.is_gradient and len(latex) < 4
        return rf"\bar{{{latex}}}" if plain else rf"\overline{{{latex}}}", ATOM

    def matrices(self, product: MatrixProduct) -> tuple[str, int]:
        return r" \, ".join(
            self.text(factor, BASE if is_sum(factor) else FACTOR + 1) for factor in product.factors
        ), PRODUCT

    def operation(self, operation: Operation) -> tuple[str, int]:
        """By its own formula; in words where that speaks of single elements, or would be read as one of matrices."""
        box = operation.box
        inner = [self.text(argument) for argument in operation.arguments]
        if operation.index is None and not self.in_words:
            formula = self._formula(box, operation.arguments, inner)
            if formula is not None:
                return formula, _binding(formula)
        return words(box, inner, operation.index), BASE

    def _formula(self, box: Box, arguments: Sequence[Expression], inner: Sequence[str]) -> str | None:
        if not is_closed(box):
            return None
        letters = dict.fromkeys(box.children, "")
        letters |= {box.children[place]: latex for place, latex in zip(said_children(box), inner, strict=True)}
        latex = write_formula(box, letters)
        return None if latex is None or (self.has_matrices and not is_atom(latex)) else latex


def _binding(formula: str) -> int:
    """How tightly the signs of a formula bind."""
    if in_brackets(formula) != formula:
        return SUM
    if is_fraction(formula):
        return FACTOR
    return ATOM if is_atom(formula) else BASE if is_call(formula) else PRODUCT


def is_sum(expression: Expression) -> bool:
    """Whether a factor of a product of matrices needs brackets."""
    return isinstance(expression, Sum | Product | OverAxes)


_BETWEEN = {"abs": "|{}|", "floor": r"\lfloor {} \rfloor"}


def _rank(factor: Expression) -> int:
    """Factors in their order, conditions and sums behind others."""
    return 2 if isinstance(factor, Indicator) else 1 if isinstance(factor, Sum | Cases | OverAxes) else 0


_WRITERS: Mapping[type[Expression], Callable[[_Typesetter, Any], tuple[str, int]]] = {
    Letter: _Typesetter.letter, Declared: _Typesetter.text_of_declared,
    Number: _Typesetter.number, Sum: _Typesetter.sum, Product: _Typesetter.product,
    Power: _Typesetter.power, Function: _Typesetter.function, Indicator: _Typesetter.indicator,
    Relation: _Typesetter.condition, Not: _Typesetter.condition, Truth: _Typesetter.condition,
    Cases: _Typesetter.cases, OverAxes: _Typesetter.over_axes, Transposed: _Typesetter.transpose,
    Inverse: _Typesetter.inverse, Conjugate: _Typesetter.conjugate, MatrixProduct: _Typesetter.matrices,
    Operation: _Typesetter.operation,
}  # fmt: skip
