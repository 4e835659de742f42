"""The fine changes that may be made in a file of the package, and the file with one of them."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider
from mutmut.mutation import mutators

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Mutant:
    """One changed file: what was there, what stands there now, and in which function."""

    path: str
    function: str
    line: int
    lines: frozenset[int]
    imported: bool
    before: str
    after: str
    code: str = field(repr=False, compare=False)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same when lines move."""
        return self.path, self.function, self.before, self.after

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function}\n" + _marked("-", self.before) + _marked("+", self.after)


def _marked(sign: str, text: str) -> str:
    return "".join(f"    {sign} {line}\n" for line in text.splitlines())


def _string_changed(node: cst.SimpleString) -> Iterator[cst.CSTNode]:
    """Another text; of a few letters, as in `dtype.kind in "iu"`, one fewer."""
    text = node.evaluated_value
    if isinstance(text, str) and not node.value.startswith(('"""', "r")):
        others = [text[1:], text[:-1]] if text.isalpha() and 2 <= len(text) <= 4 else [f"XX{text}XX"]
        yield from (node.with_changes(value=repr(other)) for other in others)


def _keyword_dropped(node: cst.Call) -> Iterator[cst.CSTNode]:
    for i, arg in enumerate(node.args):
        if arg.keyword is not None and arg.keyword.value != "strict":
            yield node.with_changes(args=[*node.args[:i], *node.args[i + 1 :]])


def _bound_dropped(node: cst.Slice) -> Iterator[cst.CSTNode]:
    for name in ("lower", "upper", "step"):
        if getattr(node, name) is not None:
            yield node.with_changes(**{name: None})


def _one_side(node: cst.BooleanOperation) -> Iterator[cst.CSTNode]:
    yield from (node.left, node.right)


def _guard_dropped(node: cst.If) -> Iterator[cst.CSTNode]:
    last = node.body.body[-1] if node.body.body else None
    leaves = isinstance(last, cst.SimpleStatementLine) and isinstance(
        last.body[-1], cst.Raise | cst.Return | cst.Continue
    )
    if leaves and node.orelse is None:
        yield cst.SimpleStatementLine([cst.Pass()])


def _statement_dropped(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    one = node.body[0]
    call = isinstance(one, cst.Expr) and isinstance(one.value, cst.Call)
    stored = isinstance(one, cst.Assign) and not isinstance(one.targets[0].target, cst.Name | cst.Tuple)
    if call or stored or isinstance(one, cst.AugAssign | cst.Continue | cst.Break):
        yield cst.SimpleStatementLine([cst.Pass()])


OPERATORS: tuple[tuple[Any, Any], ...] = (
    (cst.BaseNumber, mutators.operator_number),
    (cst.SimpleString, _string_changed),
    (cst.Name, mutators.operator_name),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.IfExp, mutators.operator_if_exp),
    (cst.AugAssign, mutators.operator_augmented_assignment),
    (cst.Call, mutators.operator_symmetric_string_methods_swap),
    (cst.Call, _keyword_dropped),
    (cst.Slice, _bound_dropped),
    (cst.BooleanOperation, _one_side),
    (cst.If, _guard_dropped),
    (cst.SimpleStatementLine, _statement_dropped),
)


class _Changes(cst.CSTVisitor):
    """Pairs of a node and what may stand in its place, except where only the wording of a message changes."""

    METADATA_DEPENDENCIES = (ParentNodeProvider,)

    def __init__(self, emits: bool) -> None:
        self.emits = emits
        self.pairs: list[tuple[cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Raise | cst.Annotation | cst.Import | cst.ImportFrom):
            return False
        if not self.emits and (isinstance(node, cst.FormattedString) or _is_text(node)):
            return False
        if isinstance(node, cst.Call) and _name(node.func) in ("warn", "add_note", "TypeVar", "NewType", "cast"):
            return False
        if isinstance(node, cst.Expr) and isinstance(node.value, cst.BaseString):
            return False
        if isinstance(node, cst.Arg) and node.keyword is not None and node.keyword.value == "strict":
            return False
        parent = self.get_metadata(ParentNodeProvider, node, None)
        if isinstance(parent, cst.Assert) and node is parent.msg:
            return False
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                self.pairs += [(node, other) for other in operator(node)]
        return True


def _is_text(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.SimpleString) and " " in node.value


def _name(node: cst.CSTNode) -> str:
    return node.attr.value if isinstance(node, cst.Attribute) else getattr(node, "value", "")


class File:
    """One file of the package, and every change that may be made in it; the mutants themselves are made when drawn."""

    def __init__(self, path: str, emits: bool) -> None:
        self.path = path
        self.text = (ROOT / path).read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        visitor = _Changes(emits)
        self.module = MetadataWrapper(cst.parse_module(self.text)).visit(visitor)
        self.changes = visitor.pairs

    def mutant(self, number: int) -> Mutant | None:
        """The file with that change; None where it would be no Python."""
        node, other = self.changes[number]
        changed = self.module.deep_replace(node, other)
        code = changed.code if isinstance(changed, cst.Module) else ""
        try:
            compile(code, self.path, "exec")
        except SyntaxError:
            return None
        old, new = self.text.splitlines(), code.splitlines()
        blocks = difflib.SequenceMatcher(None, old, new, False).get_opcodes()
        parts = [block for block in blocks if block[0] != "equal"]
        if not parts:
            return None
        (_, first, _, new_first, _), (_, _, last, _, new_last) = parts[0], parts[-1]
        function, lines, imported = _place(self.tree, first + 1, last)
        before, after = ("\n".join(part).strip() for part in (old[first:last], new[new_first:new_last]))
        return Mutant(self.path, function, first + 1, lines, imported, before, after, code)


def _place(tree: ast.Module, first: int, last: int) -> tuple[str, frozenset[int], bool]:
    """The function around some lines, the lines of the statements that they belong to, and whether an import runs them.

    What stands in the head of a function runs when the module is imported, and matters where the function runs.
    """
    names: list[str] = []
    body: list[ast.stmt] = tree.body
    around: ast.AST = tree
    lines = set(range(first, last + 1))
    while True:
        inner = [node for node in body if node.lineno <= last and first <= (node.end_lineno or node.lineno)]
        one = inner[0] if len(inner) == 1 else None
        if isinstance(one, ast.FunctionDef | ast.ClassDef):
            names.append(one.name)
            if isinstance(one, ast.FunctionDef) and first < one.body[0].lineno:
                lines |= set(range(one.body[0].lineno, (one.end_lineno or 0) + 1))
            body, around = one.body, one
            continue
        for node in ast.walk(around):
            if isinstance(node, ast.stmt) and node.lineno <= first <= (node.end_lineno or 0):
                inside = getattr(node, "body", None)
                end = inside[0].lineno - 1 if inside else (node.end_lineno or 0)
                if first <= max(end, node.lineno):
                    lines |= set(range(node.lineno, end + 1))
        return ".".join(names), frozenset(lines), not isinstance(around, ast.FunctionDef)
