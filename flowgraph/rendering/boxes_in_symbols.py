"""The boxes of a gradient graph as expressions: what has a sign of its own in mathematics, and operations by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, cast

import numpy as np

from flowgraph import boxes
from flowgraph.box import Box, Constant
from flowgraph.box.inference import axes_of
from flowgraph.rendering.expressions import (
    ONE,
    ZERO,
    Axes,
    Conjugate,
    Expression,
    Function,
    Inverse,
    Letter,
    Number,
    Operation,
    Truth,
    add,
    choose,
    conjugate,
    contrary_of,
    exact,
    indicator,
    join_conditions,
    matrix_product,
    negative,
    over_axes,
    power,
    product,
    real_part,
    relation,
    split,
    transpose,
)
from flowgraph.rendering.formulas import name_latex, number_latex
from flowgraph.rendering.operations import settings_in_words
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import same

Rule: TypeAlias = Callable[..., Expression | None]
"""Makes an expression of a box and those of its children; None where it has only a name."""


class Symbols:
    """Writes boxes as expressions of those that have a letter; arrays that are no number are `constants` by number."""

    def __init__(self, letters: Mapping[Box, Expression], constants: list[Any] | None = None) -> None:
        self.letters = letters
        self.constants = constants if constants is not None else []
        self._known: dict[Box, Expression] = {}
        self._arrays: dict[Box, Any] = {}

    def of(self, box: Box) -> Expression:
        """The expression of a box, in the letters of those that it is made of."""
        stack = [box]
        while stack:
            top = stack[-1]
            if top in self.letters:
                self._known[top] = self.letters[top]
            missing = [] if top in self._known else [child for child in top.children if child not in self._known]
            stack += missing
            if not missing:
                if top not in self._known:
                    self._known[top] = self._expression_of(top)
                stack.pop()
        return self._known[box]

    def _expression_of(self, box: Box) -> Expression:
        """What reads numbers alone is computed; other boxes have rules, or a name."""
        if isinstance(box, Constant):
            self._arrays[box] = np.asarray(box.value)
        elif box.children and all(child in self._arrays for child in box.children) and len(box.outputs) == 1:
            self._arrays[box] = np.asarray(box.fprop(*[self._arrays[child] for child in box.children]))
        elif isinstance(box, boxes.BroadcastLike) and box.children[0] in self._arrays and _is_static(box):
            self._arrays[box] = np.broadcast_to(self._arrays[box.children[0]], cast("tuple[int, ...]", box.shape))
        if box in self._arrays:
            return _number(self._arrays[box]) or self._constant(self._arrays[box])
        parts = [self._known[child] for child in box.children]
        rule = _RULES.get(type(box))
        written = rule(box, *parts) if rule is not None else None
        return written if written is not None else _operation(box, parts)

    def _constant(self, array: Any) -> Expression:
        """An array that the gradient graph holds, by its elements if they are few, else by a number."""
        if _is_short(array):
            return Letter(array_latex(array))
        same = (i for i, one in enumerate(self.constants) if one.shape == array.shape and np.array_equal(one, array))
        number = next(same, len(self.constants))
        if number == len(self.constants):
            self.constants.append(array)
        return Letter(constant_latex(number))


def _is_short(array: Any) -> bool:
    """Whether an array is printed one number by one, each of few digits."""
    few = 0 < array.size <= _LONGEST_CONSTANT and array.dtype.kind in "iuf"
    return few and all(float(f"{number:g}") == number for number in array.flat)


IDENTITY = Letter("I")

_LONGEST_CONSTANT = 12
"""Elements of an array that are printed one by one."""


def array_latex(array: Any) -> str:
    """An array by its elements, in brackets."""
    return rf"\left[{', '.join(map(array_latex, array))}\right]" if np.ndim(array) else number_latex(float(array))


def constant_latex(number: int) -> str:
    """The name of an array that a gradient graph holds."""
    return rf"\text{{constant {number + 1}}}"


def _is_static(box: Box) -> bool:
    return all(isinstance(size, int) for size in box.shape)


def _number(array: Any) -> Expression | None:
    """A number, if all elements are the same one."""
    if array.size and (array == array.flat[0]).all():
        value = array.flat[0].item()
        if array.dtype.kind == "b":
            return Truth(value)
        return Number(exact(value.real if isinstance(value, complex) and not value.imag else value))
    if array.size and array.dtype.kind == "f" and np.isnan(array).all():
        return Letter(r"\text{NaN}", is_scalar=True)
    return None


def _apart(box: Box, a: Expression, b: Expression) -> tuple[Expression, Expression]:
    """Both sides of an operation; where these are repeated along different axes, with the axis of each."""
    one, other = map(_expand_dims, box.children)
    if one is not None and other is not None:
        return (_note_axis(one, a), _note_axis(other, b)) if _axis_of_one(one) != _axis_of_one(other) else (a, b)
    if one is not None:
        return _beside(box.children[1], box, one, a), b
    return a, b if other is None else _beside(box.children[0], box, other, b)


def _beside(side: Box, box: Box, expanded: Box, a: Expression) -> Expression:
    """What has an added axis, beside a side without; with its axis where broadcasting alone would put it elsewhere."""
    is_elsewhere = 0 < side.ndim < box.ndim or (not isinstance(a, Letter) and _is_within(expanded, box))
    return _note_axis(expanded, a) if is_elsewhere else a


def _is_within(expanded: Box, box: Box) -> bool:
    """Whether the one axis that was added stands between others, as of numbers for each column in a stack."""
    added = expanded.ndim - expanded.children[0].ndim
    full = all(child.ndim == box.ndim for child in box.children) and 1 not in expanded.children[0].shape
    return added == 1 and full and _axis_of_one(expanded) not in (-1, -box.ndim)


def _axis_of_one(box: Box) -> int:
    """The axis that was added, counted from the last."""
    if isinstance(box, boxes.ExpandDims):
        return axes_of(box, box.axis, box.ndim)[0] - box.ndim
    index = box.setting_values()["index"]
    before = index[: index.index(None)]
    if Ellipsis in before:
        return -sum(not isinstance(part, int) for part in index[index.index(None) :])
    return sum(not isinstance(part, int) for part in before) - box.ndim


def _expand_dims(box: Box) -> Box | None:
    """What adds an axis of length 1 below changes of single elements, if anything does."""
    while isinstance(box, boxes.Negative | boxes.Cast | boxes.Conjugate | boxes.Square):
        box = box.children[0]
    adds = isinstance(box, boxes.ExpandDims) or (isinstance(box, boxes.Index) and None in box.setting_values()["index"])
    return box if adds else None


def _note_axis(box: Any, a: Expression) -> Expression:
    """An expression with the axis along which it is repeated, unless an index says it, or it is the identity."""
    if (isinstance(a, Letter) and a.is_scalar) or (isinstance(a, Operation) and a.box is box) or a == IDENTITY:
        return a
    if isinstance(a, Letter):
        return replace(a, note=f"along axis {_axis_of_one(box) + box.ndim}")
    return Operation((type(box), *_settings(box), *_shapes(box)), (a,), box)


def _operation(box: Box, parts: Sequence[Expression]) -> Expression:
    """A box by its name; what only gives a shape is not said."""
    index = box.setting_values()["index"] if isinstance(box, boxes.Part) else None
    inner = box.children[0] if isinstance(box, boxes.Part) else box
    if isinstance(box, boxes.Part):
        return Operation((type(inner), *_settings(inner), index), _said_parts(inner, parts[0].parts), inner, index)
    return Operation((type(box), *_settings(box), *_shapes(box)), _said_parts(box, parts), box)


def _settings(box: Box) -> tuple[str, ...]:
    return tuple(settings_in_words(box))


def _shapes(box: Box) -> tuple[Any, ...]:
    return tuple(str(spec.shape) for child in (box, *box.children) for spec in child.outputs)


def said_children(box: Box) -> list[int]:
    """The positions of the children of an operation that are printed."""
    names = [name.partition("[")[0] for name in box.names_of_children()]
    return [place for place, name in enumerate(names) if name not in ("like", "likes") or len(names) == 1]


def _said_parts(box: Box, parts: Sequence[Expression]) -> tuple[Expression, ...]:
    return tuple(parts[place] for place in said_children(box)) if len(parts) == len(box.children) else tuple(parts)


def _same(box: Box, a: Expression, *others: Expression) -> Expression:
    """What NumPy's broadcasting or a cast does, which is not said."""
    return a


def _with_axes(box: Box, a: Expression) -> Expression | None:
    """One axis more, which is not said; of what has one of length 1 already it is, and so are several."""
    if 1 in box.children[0].shape and not isinstance(a, Number) and box.children[0].ndim > 1:
        return None
    return a if box.ndim - box.children[0].ndim == 1 or not box.children[0].ndim or isinstance(a, Number) else None


def _squeeze(box: Box, a: Expression) -> Expression | None:
    """Of a letter said where other axes go than the first ones; of what a product leaves nothing is said."""
    return _reshape(box, a) if isinstance(a, Letter | Conjugate) else a


def _cast(box: Box, a: Expression) -> Expression:
    if box.dtype.kind in "iu" and box.children[0].dtype.kind in "fc":
        return Function(r"\operatorname{trunc}", (a,))
    if box.children[0].dtype.kind == "b":
        return indicator(a)
    if box.dtype.kind == "b":
        return relation(r"\neq", a, ZERO)
    return a if box.dtype.kind == "c" else real_part(a)


def _difference(box: Box, a: Expression, b: Expression) -> Expression:
    a, b = _apart(box, a, b)
    return add([a, negative(b)])


def _times(box: Box, a: Expression, b: Expression) -> Expression:
    """A product by element; a column times a row is one of matrices."""
    column, row = (_vector(child, axis) for child, axis in zip(box.children, (1, 0), strict=True))
    if column and row:
        return matrix_product(a, transpose(b))
    column, row = (_vector(child, axis) for child, axis in zip(box.children, (0, 1), strict=True))
    if column and row:
        return matrix_product(b, transpose(a))
    stacks = box.ndim > 2 and all(child.ndim == box.ndim for child in box.children) and 1 not in box.shape[-2:]
    if stacks and box.children[0].shape[-1] == 1 == box.children[1].shape[-2] and not isinstance(a, Letter):
        return matrix_product(a, _note_axis(box.children[1], b))
    pairs = zip(_apart(box, a, b), box.children, strict=True)
    return product([indicator(part) if child.dtype.kind == "b" else part for part, child in pairs])


def _vector(box: Box, axis: int) -> bool:
    """Whether a vector was made a matrix with that axis of length 1."""
    while isinstance(box, boxes.Negative | boxes.Cast | boxes.Conjugate):
        box = box.children[0]
    return isinstance(box, boxes.ExpandDims) and box.ndim == 2 and box.shape[axis] == 1 and box.children[0].ndim == 1


def _square(box: Box, a: Expression) -> Expression:
    return power(a, Number(2))


def _raise_to(box: Box, a: Expression) -> Expression:
    return power(a, Number(exact(np.asarray(box.setting_values()["exponent"]).item())))


def _comparison_by(sign: str) -> Rule:
    def rule(box: Box, a: Expression, b: Expression) -> Expression | None:
        if isinstance(b, Truth) and sign == "=":
            return a if b.value else contrary_of(a)
        sides = zip(_apart(box, a, b), box.children, strict=True)
        return relation(sign, *(indicator(side) if child.dtype.kind == "b" else side for side, child in sides))

    return rule


def _of_truths(make: Rule) -> Rule:
    """Of conditions alone; of whole numbers an operation is one of their bits."""

    def rule(box: Box, *parts: Expression) -> Expression | None:
        truths = all(child.dtype.kind == "b" for child in box.children)
        return make(box, *parts) if truths else None

    return rule


def _finite(box: Box, a: Expression) -> Expression:
    return Truth(True)


def _choose(box: Box, condition: Expression, one: Expression, other: Expression) -> Expression | None:
    if box.dtype.kind == "b":
        return join_conditions(r"\wedge", condition, one) if other == Truth(False) else None
    return choose(condition, one, other)


def _axes(box: Box) -> Axes:
    """The axes along which a box reduces, None for all."""
    ndim = box.children[0].ndim
    axis = box.setting_values()["axis"]
    axes = tuple(range(ndim)) if axis is None else axes_of(box, axis, ndim)
    return None if len(axes) == ndim else tuple(axes)


def _sum_over_axes(box: Box, a: Expression) -> Expression:
    return _over(_axes(box), a, box.children[0])


def _over(axes: Axes, a: Expression, child: Box) -> Expression:
    """The sum along axes; of a number, as many times it."""
    if axes == () or child.ndim == 0:
        return a
    if child.dtype.kind == "b":
        a = indicator(a)
    if isinstance(a, Number):
        return product([a, _count(child, axes)])
    return over_axes(axes, a)


def _count(child: Box, axes: Axes) -> Expression:
    """How many elements stand along axes."""
    sizes = [child.shape[axis] for axis in (range(child.ndim) if axes is None else axes)]
    return product([_size(size) for size in sizes])


def _size(size: int | Size) -> Expression:
    return Number(size) if isinstance(size, int) else Letter(size_latex(size), is_scalar=True)


def size_latex(size: Size) -> str:
    """A size that has a name, in LaTeX."""
    text = str(size)
    return name_latex(text) if text.isidentifier() else rf"\text{{{text}}}"


def _mean_over_axes(box: Box, a: Expression) -> Expression:
    axes = _axes(box)
    return product([_over(axes, a, box.children[0])], [_count(box.children[0], axes)])


def _count_over_axes(box: Box, like: Expression) -> Expression:
    return _count(box.children[0], _axes(box))


def _summed_like(box: Box, a: Expression, like: Expression) -> Expression:
    child, lead = box.children[0], box.children[0].ndim - box.ndim
    axes = (*range(lead), *(axis + lead for axis in axes_repeated(child.shape[lead:], box.shape)))
    return _over(None if len(axes) == child.ndim else axes, a, child)


def axes_repeated(large: Sequence[Any], small: Sequence[Any]) -> list[int]:
    """The axes along which an array is repeated to the shape of another one, sizes that only a run knows among them."""
    pairs = enumerate(zip(large, small, strict=True))
    return [axis for axis, (size, own) in pairs if (own == 1 and size != 1) or not same(own, size)]


def _reshape(box: Box, a: Expression, *like: Expression) -> Expression | None:
    """Nothing where only axes of length 1 come or go before all others."""
    old, new = (_without_leading_ones(other.shape) for other in (box.children[0], box))
    return a if len(old) == len(new) and all(map(same, old, new)) else None


def _without_leading_ones(shape: Sequence[Any]) -> Sequence[Any]:
    return shape[next((place for place, size in enumerate(shape) if size != 1), len(shape)) :]


def _transpose(box: Box, a: Expression) -> Expression | None:
    ndim, axes = box.ndim, box.setting_values()["axes"]
    order = tuple(range(ndim))[::-1] if axes is None else tuple(axis % ndim for axis in axes)
    if order == tuple(range(ndim)):
        return a
    return transpose(a) if ndim > 1 and order == (*range(ndim - 2), ndim - 1, ndim - 2) else None


def _multiply_matrices(box: Box, a: Expression, b: Expression) -> Expression:
    if all(child.ndim == 1 for child in box.children):
        return over_axes(None, product([a, b]))
    if isinstance(b, Number):
        return product([b, over_axes((box.children[0].ndim - 1,), a)])
    if isinstance(a, Number):
        return product([a, over_axes((max(box.children[1].ndim - 2, 0),), b)])
    return matrix_product(a, b)


def _contract(box: Box, a: Expression, b: Expression) -> Expression | None:
    """A tensor product of matrices, or one that sums over all axes of a stack but the last."""
    one, other = box.children
    first, second = (
        tuple(axis % child.ndim for axis in axes)
        for axes, child in zip(box.setting_values()["axes"], box.children, strict=True)
    )
    rows = tuple(range(one.ndim - 1))
    if first == second == rows and one.ndim == other.ndim > 2:
        return over_axes(rows[:-1], matrix_product(transpose(a), b))
    if first == second == rows and other.ndim == one.ndim - 1:
        if other.ndim == 1:
            return matrix_product(transpose(a), b)
        return over_axes(rows, product([a, replace(b, note=f"along axis {len(rows)}") if isinstance(b, Letter) else b]))
    if one.ndim != 2 or other.ndim != 2 or len(first) != 1:
        return None
    left = transpose(a) if first == (0,) else a
    return matrix_product(left, transpose(b) if second == (1,) else b)


def _invert(box: Box, a: Expression) -> Expression:
    return Inverse(a)


def _solve(box: Box, a: Expression, b: Expression) -> Expression:
    return matrix_product(Inverse(a), b)


def _index(box: Box, a: Expression, *indices: Expression) -> Expression | None:
    """Nothing where only axes of length 1 are added."""
    index = box.setting_values()["index"]
    whole = all(part is None or part is Ellipsis or part == slice(None) for part in index)
    several = sum(part is None for part in index) > 1 and box.children[0].ndim > 0
    return a if whole and not several else None


def operations_in(expression: Expression) -> Iterator[Operation]:
    """The operations that an expression holds."""
    if isinstance(expression, Operation):
        yield expression
    for part in expression.parts:
        yield from operations_in(part)


def _function(name: str) -> Rule:
    def rule(box: Box, *parts: Expression) -> Expression:
        if name == r"\ln" and parts[0] == ONE:
            return ZERO
        if name == r"\exp" and parts[0] == ZERO:
            return ONE
        return Function(name, parts)

    return rule


def _sign(box: Box, a: Expression) -> Expression | None:
    if isinstance(a, Number):
        return Number(exact(float(np.sign(np.real(complex(a.value))))))
    return None if box.dtype.kind == "c" else Function(r"\operatorname{sign}", (a,))


def _larger(box: Box, a: Expression, b: Expression) -> Expression:
    """The larger of two; a number of elements is 1 at least."""
    if isinstance(a, Number) and isinstance(b, Number):
        return a if complex(a.value).real >= complex(b.value).real else b
    counted = isinstance(box.children[0], boxes.CountLike | boxes.Cast) and b == ONE
    return a if counted and _is_size(a) else Function(r"\max", (a, b))


def _is_size(a: Expression) -> bool:
    return all(isinstance(part, Letter) and part.is_scalar for part in split(a)[1])


def _softmax(box: Box, a: Expression) -> Expression | None:
    """Under its name along the last axis."""
    last = box.setting_values()["axis"] in (-1, box.ndim - 1)
    return Function(r"\operatorname{softmax}", (a,)) if last else None


def _diagonal(box: Box, a: Expression, *like: Expression) -> Expression | None:
    """Ones on the diagonal are the identity."""
    square = box.ndim > 1 and same(box.shape[-2], box.shape[-1])
    return IDENTITY if a == ONE and square and not box.setting_values().get("offset") else None


def _one_hot(box: Box, y: Expression, *like: Expression) -> Expression:
    return Function("e", (y,))


def _hypotenuse(box: Box, a: Expression, b: Expression) -> Expression:
    return power(add([power(a, Number(2)), power(b, Number(2))]), Number(0.5))


_RULES: Mapping[type[Box], Rule] = {
    **dict.fromkeys((boxes.BroadcastLike, boxes.BroadcastTo), _same),
    boxes.ExpandDims: _with_axes,
    boxes.Squeeze: _squeeze,
    **dict.fromkeys((boxes.Barrier, boxes.StopGradient, boxes.Positive, boxes.GaugeInvarianceCheck), _same),
    boxes.Cast: _cast,
    boxes.Add: lambda box, a, b: add(_apart(box, a, b)),
    boxes.Subtract: _difference,
    boxes.Negative: lambda box, a: negative(a),
    boxes.Multiply: _times,
    boxes.Divide: lambda box, a, b: product([a], [b]),
    boxes.Reciprocal: lambda box, a: product([], [a]),
    boxes.Square: _square,
    boxes.ConstantPower: _raise_to,
    boxes.Power: lambda box, a, b: power(*_apart(box, a, b)),
    boxes.Sqrt: lambda box, a: power(a, Number(0.5)),
    boxes.Exp2: lambda box, a: power(Number(2), a),
    boxes.Hypot: _hypotenuse,
    boxes.Expm1: lambda box, a: add([Function(r"\exp", (a,)), Number(-1)]),
    boxes.Log1p: lambda box, a: Function(r"\ln", (add([ONE, a]),)),
    boxes.XLogY: lambda box, x, y: product([x, Function(r"\ln", (y,))]),
    boxes.XLog1pY: lambda box, x, y: product([x, Function(r"\ln", (add([ONE, y]),))]),
    boxes.Equal: _comparison_by("="),
    boxes.NotEqual: _comparison_by(r"\neq"),
    boxes.Less: _comparison_by("<"),
    boxes.LessEqual: _comparison_by(r"\leq"),
    boxes.Greater: _comparison_by(">"),
    boxes.GreaterEqual: _comparison_by(r"\geq"),
    **dict.fromkeys(
        (boxes.LogicalAnd, boxes.BitwiseAnd), _of_truths(lambda box, a, b: join_conditions(r"\wedge", a, b))
    ),
    **dict.fromkeys((boxes.LogicalOr, boxes.BitwiseOr), _of_truths(lambda box, a, b: join_conditions(r"\vee", a, b))),
    **dict.fromkeys((boxes.LogicalNot, boxes.Invert), _of_truths(lambda box, a: contrary_of(a))),
    boxes.IsFinite: _finite,
    boxes.Where: _choose,
    boxes.Sum: _sum_over_axes,
    boxes.Mean: _mean_over_axes,
    boxes.CountLike: _count_over_axes,
    boxes.SumLike: _summed_like,
    boxes.Reshape: _reshape,
    boxes.ReshapeLike: _reshape,
    boxes.Transpose: _transpose,
    boxes.MatMul: _multiply_matrices,
    boxes.TensorDot: _contract,
    boxes.Inv: _invert,
    boxes.Solve: _solve,
    boxes.Index: _index,
    boxes.Conjugate: lambda box, z: conjugate(z),
    boxes.Real: lambda box, z: real_part(z),
    boxes.Sign: _sign,
    boxes.Maximum: _larger,
    boxes.Softmax: _softmax,
    boxes.OnDiagonal: _diagonal,
    boxes.OneHot: _one_hot,
    **{
        cls: _function(name)
        for cls, name in {
            boxes.Exp: r"\exp", boxes.Log: r"\ln", boxes.Sin: r"\sin", boxes.Cos: r"\cos", boxes.Tan: r"\tan",
            boxes.Sinh: r"\sinh", boxes.Cosh: r"\cosh", boxes.Tanh: r"\tanh", boxes.Sigmoid: r"\sigma",
            boxes.Absolute: "abs", boxes.Fabs: "abs", boxes.NormalCdf: r"\Phi", boxes.Digamma: r"\psi",
            boxes.Gamma: r"\Gamma", boxes.Minimum: r"\min",
            boxes.Trunc: r"\operatorname{trunc}", boxes.Floor: "floor",
        }.items()
    },
}  # fmt: skip
