"""Mutants of the right bprops of the catalogue: one operator, constant, axis, argument or function changed."""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
from collections.abc import Iterator

import numpy as np

from .catalogue.entries import ENTRIES, Entry
from .scoring import RIGHT

SWAPS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Lt: ast.GtE,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
}
NAMES = {
    "sin": "cos",
    "cos": "sin",
    "exp": "log",
    "log": "exp",
    "sign": "abs",
    "tanh": "sinh",
    "sqrt": "square",
    "sum": "mean",
    "maximum": "minimum",
    "zeros_like": "ones_like",
    "T": "real",
    "tril": "triu",
}


def lambdas() -> Iterator[tuple[Entry, ast.Lambda, dict]]:
    """The entries whose bprop is written as a lambda, with its tree and its globals."""
    by_name = {entry.name: entry for entry in ENTRIES if entry.family == "ok"}
    for name in RIGHT:
        module = importlib.import_module(f".catalogue.{name}", __package__)
        for call in ast.walk(ast.parse(inspect.getsource(module))):
            if (
                isinstance(call, ast.Call)
                and getattr(call.func, "id", "") == "ok"
                and isinstance(call.args[2], ast.Lambda)
            ):
                yield by_name[call.args[0].value], call.args[2], vars(module)


def _changes(part: ast.AST) -> Iterator[ast.AST]:
    if isinstance(part, ast.BinOp) and type(part.op) in SWAPS:
        yield ast.BinOp(part.left, SWAPS[type(part.op)](), part.right)
        yield part.left
        yield part.right
    if isinstance(part, ast.Compare) and type(part.ops[0]) in SWAPS:
        yield ast.Compare(part.left, [SWAPS[type(part.ops[0])]()], part.comparators)
    if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub):
        yield part.operand
    if isinstance(part, ast.Constant) and type(part.value) in (int, float):
        for value in (part.value + 1, part.value - 1, part.value * 2):
            yield ast.Constant(value)
    if isinstance(part, ast.Attribute) and part.attr in NAMES:
        yield ast.Attribute(part.value, NAMES[part.attr], part.ctx)
    if isinstance(part, ast.Call) and len(part.args) >= 2:
        yield ast.Call(part.func, [part.args[1], part.args[0], *part.args[2:]], part.keywords)
    if isinstance(part, ast.Call) and part.keywords:
        yield ast.Call(part.func, part.args, part.keywords[1:])


def mutants(tree: ast.Lambda, names: dict) -> Iterator[tuple[str, object]]:
    count = sum(1 for _ in ast.walk(tree.body))
    for k in range(count):
        for choice in range(4):
            changed = copy.deepcopy(tree)
            part = list(ast.walk(changed.body))[k]
            options = list(_changes(part))
            if choice >= len(options) or part is changed.body:
                continue
            new = options[choice]
            for parent in ast.walk(changed):
                for field, value in ast.iter_fields(parent):
                    if value is part:
                        setattr(parent, field, new)
                    elif isinstance(value, list) and any(v is part for v in value):
                        setattr(parent, field, [new if v is part else v for v in value])
            expression = ast.fix_missing_locations(ast.Expression(changed))
            yield ast.unparse(changed), eval(compile(expression, "mutant", "eval"), names)


def changes_result(entry: Entry, mutant) -> bool:
    """At the example, by more than rounding; raising counts too."""
    output = entry.fprop(*entry.inputs)
    parts = output if isinstance(output, tuple) else (output,)
    grads = tuple(np.random.default_rng(1).normal(size=np.shape(part)) for part in parts)
    grad = grads if isinstance(output, tuple) else grads[0]
    right = entry.bprop(grad, output, *entry.inputs)
    with np.errstate(all="ignore"):
        try:
            wrong = mutant(grad, output, *entry.inputs)
        except Exception:
            return True
    if not isinstance(wrong, tuple) or len(wrong) != len(right):
        return True
    for a, b in zip(right, wrong, strict=True):
        if a is None and b is None:
            continue
        a, b = np.asarray(0.0 if a is None else a), np.asarray(0.0 if b is None else b)
        if a.shape != b.shape or not np.allclose(a, b, rtol=1e-9, atol=1e-12 * np.abs(a).max(initial=0.0)):
            return True
    return False
