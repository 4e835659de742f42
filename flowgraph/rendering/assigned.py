"""The variables to which the user's source assigns boxes: `h = np.tanh(a)` makes h of a box that nobody named."""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
from collections.abc import Mapping, Sequence

from flowgraph.box import Box
from flowgraph.box.leaves import Input, Parameter
from flowgraph.plan.rebuild import has_owner
from flowgraph.printable import why_not_a_name
from flowgraph.rendering.turns import turns_of

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_Place = tuple[int, ...]


def assigned_names(boxes: Sequence[Box], names: Mapping[Box, str]) -> dict[Box, str]:
    """For unnamed boxes that are assigned to a variable, their scope and its name, numbered where a line ran often.

    Where a plan made a box in place of one of an expression, none of the others is known to be its value. An expression
    that makes inputs or parameters too, such as fg.load("net.onnx"), has a graph as its value and no box.
    """
    graphs = {(box.built_at.path, box.built_at.expression) for box in boxes if isinstance(box, Input | Parameter)}
    groups: dict[tuple[str, _Place], list[Box]] = {}
    for box in boxes:
        if box.children and box.built_at.expression:
            groups.setdefault((box.built_at.path, box.built_at.expression), []).append(box)
    wanted: dict[str, list[Box]] = {}
    for (path, place), group in groups.items():
        variable = variables_of(path).get(place) if (path, place) not in graphs else None
        for box in _results(group) if variable and not any(map(has_owner, group)) else ():
            if box.name is None:
                wanted.setdefault(f"{box.scope}{variable}", []).append(box)
    taken = {name for box, name in names.items() if box.name is not None}
    found: dict[Box, str] = {}
    turns = turns_of(boxes, [group for group in wanted.values() if len(group) > 1])
    for wish, group in wanted.items():
        ordered = sorted(group, key=turns.__getitem__) if len(group) > 1 else group
        found.update(zip(ordered, _numbered(wish, [turns.get(box, 1) for box in ordered], taken), strict=True))
    return found


def variables_of(path: str) -> dict[_Place, str]:
    """For each expression of a file that is assigned to one variable, its place and the variable."""
    return _variables("".join(linecache.getlines(path)))


@functools.lru_cache(maxsize=32)
def _variables(text: str) -> dict[_Place, str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):  # a cell with magics, a template
        return {}
    found: dict[_Place, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            _note(found, node.targets[0], node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            _note(found, node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            _note(found, node.target, node)
    return found


def _note(found: dict[_Place, str], target: ast.expr, value: ast.expr | ast.AugAssign) -> None:
    """Note the variable of an assignment, or those of `a, b = one, other`; of `one if ... else other` both."""
    if isinstance(value, ast.IfExp):
        _note(found, target, value.body)
        _note(found, target, value.orelse)
    if isinstance(target, ast.Tuple | ast.List):
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
        if len(parts) == len(target.elts):
            for one, part in zip(target.elts, parts, strict=True):
                _note(found, one, part)
        return
    name = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
    if name.strip("_") and why_not_a_name(name) is None:
        end = value.end_lineno or value.lineno, value.end_col_offset or value.col_offset
        found[value.lineno, end[0], value.col_offset, end[1]] = name


def _results(group: list[Box]) -> list[Box]:
    """Of the boxes that an expression built, those that are its value.

    A box that no other of them reads is one. Where the line ran often, each run reads the one before: then those of the
    kind of the last are. A derivative is made of many boxes of one kind, so only its end is known.
    """
    read = {child for box in group for child in box.children}
    ends = [box for box in group if box not in read]
    if len(ends) != 1 or ends[0].is_derivative:
        return ends if len(ends) == 1 or all(type(end) is type(ends[0]) for end in ends) else []
    return [box for box in group if type(box) is type(ends[0])]


def _numbered(wish: str, numbers: Sequence[int], taken: set[str]) -> list[str]:
    """The name itself for one box, else with numbers below: those given, or the next ones where a name is taken."""
    if len(numbers) == 1 and wish not in taken:
        return [wish]
    texts = [wish + str(number).translate(_SUBSCRIPTS) for number in numbers]
    free = (wish + str(number).translate(_SUBSCRIPTS) for number in itertools.count(1))
    return texts if taken.isdisjoint(texts) else [next(one for one in free if one not in taken) for _ in numbers]
