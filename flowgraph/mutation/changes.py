"""Mutation operators: where in a bprop a mistake is made, of which kind, and its replacement."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flowgraph.mutation.backwards import Backward

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Pow: "*", ast.BitAnd: "|", ast.BitOr: "&",
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: ">=", ast.GtE: "<", ast.Gt: "<=", ast.LtE: ">", ast.Eq: "!=", ast.NotEq: "==",
}  # fmt: skip
FUNCTIONS = {
    "sin": "cos", "cos": "sin", "sinh": "cosh", "cosh": "sinh", "maximum": "minimum", "minimum": "maximum",
    "max": "min", "min": "max", "tril": "triu", "triu": "tril",
}  # fmt: skip
SUMS = frozenset({"sum", "mean", "sum_like"})
TRANSPOSES = frozenset({"transpose", "swapaxes", "moveaxis", "matrix_transpose", "permute_dims"})
SHAPES = frozenset({"shape", "dtype", "ndim", "size"})


class Change(NamedTuple):
    """One part of the source, the kind of mistake, and the text that takes its place."""

    part: ast.expr
    kind: str
    text: str


def changes_of(backward: Backward, source: str) -> Iterator[Change]:
    """Every single mistake in the body of a backward pass."""
    writer = _Writer(source, backward.gradients, backward.name.endswith(".bprop"))
    body = backward.body
    for result in [body.body] if isinstance(body, ast.Lambda) else _results(body):
        yield from writer.changes_of_result(result)
    for part in _parts([body.body] if isinstance(body, ast.Lambda) else body.body):
        yield from writer.changes_of_part(part)


def _results(bprop: ast.FunctionDef) -> Iterator[ast.expr]:
    """The expressions that the bprop itself returns, not its inner functions."""
    stack: list[ast.AST] = list(bprop.body)
    while stack:
        part = stack.pop(0)
        if isinstance(part, ast.Return) and part.value is not None:
            yield part.value
        elif not isinstance(part, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(part))


def _parts(body: Sequence[ast.AST]) -> Iterator[ast.expr]:
    """All expressions but shapes, conditions on `needs` and error messages."""
    stack: list[ast.AST] = list(body)
    while stack:
        part = stack.pop(0)
        if isinstance(part, ast.Raise | ast.Assert | ast.JoinedStr):
            continue
        if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name) and part.value.id == "needs":
            continue
        if isinstance(part, ast.Attribute) and part.attr in SHAPES:
            continue
        if isinstance(part, ast.expr):
            yield part
        if isinstance(part, ast.AnnAssign):
            stack.extend([part.value] if part.value is not None else [])
        elif isinstance(part, ast.Call) and _called(part).endswith("_like") and _called(part) != "sum_like":
            stack.extend(part.args[:1] if _called(part) in ("broadcast_like", "reshape_like") else [])
        else:
            stack.extend(ast.iter_child_nodes(part))


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


class _Writer:
    def __init__(self, source: str, gradients: frozenset[str], gives_tuple: bool) -> None:
        self.source = source
        self.gives_tuple = gives_tuple  # as bprop does, where others may return a gradient alone
        self.gradients = gradients

    def text(self, part: ast.expr) -> str:
        return ast.get_source_segment(self.source, part) or ast.unparse(part)

    def closed(self, part: ast.expr) -> str:
        """The text of an expression, in brackets where an adjacent operator would change its meaning."""
        whole = isinstance(part, ast.Name | ast.Constant | ast.Call | ast.Attribute | ast.Subscript)
        return self.text(part) if whole else f"({self.text(part)})"

    def changes_of_result(self, result: ast.expr) -> Iterator[Change]:
        """Mutants of a returned expression: sign, factor and order."""
        if not isinstance(result, ast.Tuple):
            yield Change(result, "sign", self._whole(result, "-"))
            yield Change(result, "factor", self._whole(result, "2 *"))
            return
        gradients = [self._gradient(entry) for entry in result.elts]
        for gradient in gradients:
            if gradient is not None:
                yield Change(gradient, "sign", f"-{self.closed(gradient)}")
                yield Change(gradient, "factor", f"2 * {self.closed(gradient)}")
        present = [gradient for gradient in gradients if gradient is not None]
        for one, two in itertools.pairwise(present):
            yield Change(result, "swapped children", self._swapped(result, one, two))

    def _whole(self, result: ast.expr, change: str) -> str:
        """A result that is one expression, changed as the tuple or the gradient that it gives."""
        text = self.text(result)
        parts = f"tuple(part if part is None else {change} part for part in {text})"
        if self.gives_tuple:
            return parts
        if isinstance(result, ast.BinOp | ast.UnaryOp | ast.Compare | ast.Constant):
            return f"{change} {self.closed(result)}"
        return f"({parts} if isinstance({text}, (tuple, list)) else {change} {self.closed(result)})"

    def _gradient(self, entry: ast.expr) -> ast.expr | None:
        """The gradient of an entry such as `grad * b if needs[0] else None`; None for a constant child."""
        if isinstance(entry, ast.IfExp):
            return entry.body
        none = isinstance(entry, ast.Constant) and entry.value is None
        return None if none or isinstance(entry, ast.Starred) else entry

    def _swapped(self, result: ast.Tuple, one: ast.expr, two: ast.expr) -> str:
        written = {id(one): self.text(two), id(two): self.text(one)}
        entries = []
        for entry in result.elts:
            gradient = self._gradient(entry)
            text = written.get(id(gradient), "") or self.text(entry if gradient is None else gradient)
            rest = f" if {self.text(entry.test)} else {self.text(entry.orelse)}" if isinstance(entry, ast.IfExp) else ""
            entries.append(f"{text}{rest}" if gradient is not None else self.text(entry))
        return f"({', '.join(entries)})"

    def changes_of_part(self, part: ast.expr) -> Iterator[Change]:
        """The mistakes that one expression invites."""
        if isinstance(part, ast.Name) and part.id in self.gradients and isinstance(part.ctx, ast.Load):
            yield Change(part, "dropped incoming gradient", f"({part.id} * 0 + 1)")
        elif isinstance(part, ast.BinOp):
            yield from self._of_operation(part)
        elif isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub):
            yield Change(part, "sign", self.closed(part.operand))
        elif isinstance(part, ast.Compare) and len(part.ops) == 1 and type(part.ops[0]) in COMPARISONS:
            left, right = self.text(part.left), self.text(part.comparators[0])
            yield Change(part, "operator", f"({left} {COMPARISONS[type(part.ops[0])]} {right})")
        elif isinstance(part, ast.Constant) and type(part.value) is not bool and isinstance(part.value, int | float):
            yield Change(part, "constant", repr(part.value + 1))
        elif isinstance(part, ast.Attribute) and part.attr in ("T", "mT"):
            yield Change(part, "transposed", self.closed(part.value))
        elif isinstance(part, ast.Call):
            yield from self._of_call(part)

    def _of_operation(self, part: ast.BinOp) -> Iterator[Change]:
        left, right = self.closed(part.left), self.closed(part.right)
        if isinstance(part.op, ast.Add | ast.Sub):
            yield Change(part, "dropped term", left)
            yield Change(part, "dropped term", f"(-{right})" if isinstance(part.op, ast.Sub) else right)
        if type(part.op) in OPERATORS:
            yield Change(part, "operator", f"({left} {OPERATORS[type(part.op)]} {right})")

    def _of_call(self, call: ast.Call) -> Iterator[Change]:
        name = _called(call)
        function = call.func
        method = isinstance(function, ast.Attribute) and not (
            isinstance(function.value, ast.Name) and function.value.id in ("np", "numpy", "fg", "flowgraph")
        )
        operand = function.value if isinstance(function, ast.Attribute) and method else next(iter(call.args), None)
        if operand is not None and name in SUMS:
            yield Change(call, "dropped sum", self.closed(operand))
        if operand is not None and name in TRANSPOSES:
            yield Change(call, "transposed", self.closed(operand))
        if name in FUNCTIONS:
            text = self.text(function)
            yield Change(function, "operator", text[: len(text) - len(name)] + FUNCTIONS[name])
