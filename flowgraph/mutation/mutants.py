"""Mutants: copies of a source in which one backward pass is wrong in one place, as people get it wrong."""

from __future__ import annotations

import ast
import difflib
import importlib
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NamedTuple

from flowgraph.errors import UsageError
from flowgraph.saving.limits import size_of
from flowgraph.saving.replacing import must_exist

ENDINGS = ("_backward", "_vjp", "_bwd")
CONTEXTS = frozenset({"ctx", "context"})
GRADIENTS = frozenset({"g", "grad", "gradient", "dout", "dy", "dz", "ct", "cotangent", "upstream", "grad_output"})


class Backward(NamedTuple):
    """A backward pass: of which class or function, its whole name, what computes it, and its incoming gradients."""

    owner: str
    name: str
    body: ast.FunctionDef | ast.Lambda
    gradients: frozenset[str]


def backwards_of(tree: ast.Module) -> Iterator[Backward]:
    """All backward passes of a source, those inside functions included, then the functions that only they call."""
    seen: dict[int, Backward] = {}
    outer: set[int] = set()
    for backward in (*_of_definitions(tree), *_of_classes(tree), *_of_functions(tree)):
        outer.add(id(backward.body))
        for inner in _innermost(backward):
            seen.setdefault(id(inner.body), inner)
    yield from seen.values()
    yield from _helpers(tree, list(seen.values()), outer)


Function = ast.FunctionDef | ast.Lambda


def _helpers(tree: ast.Module, backwards: list[Backward], outer: set[int]) -> Iterator[Backward]:
    """Functions of the source that are called by backward passes only, recursively."""
    calls = list(_calls(tree))
    named = dict(_functions_by_name(tree))
    known, waiting = outer | {id(backward.body) for backward in backwards}, list(backwards)
    while waiting:
        backward = waiting.pop(0)
        for name, call, callers in calls:
            body = named.get(name)
            if body is None or id(body) in known or not any(caller is backward.body for caller in callers):
                continue
            others = [around for other, _, around in calls if other == name]
            if all((known | {id(body)}) & {id(caller) for caller in around} for around in others):
                known.add(id(body))
                helper = Backward(backward.owner, name, body, _gradients_received(body, call, backward.gradients))
                waiting.append(helper)
                yield helper


def _functions_by_name(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions by their name and methods by that of their class before it, as `_name_called` writes them."""
    classes = [part for part in ast.walk(tree) if isinstance(part, ast.ClassDef)]
    methods = {id(part): owner.name for owner in classes for part in owner.body}
    for part in ast.walk(tree):
        if isinstance(part, ast.FunctionDef):
            owner = methods.get(id(part), "")
            yield f"{owner}.{part.name}" if owner else part.name, part


def _calls(
    tree: ast.AST, owner: str = "", callers: tuple[Function, ...] = ()
) -> Iterator[tuple[str, ast.Call, tuple[Function, ...]]]:
    """Every call by a name of the source, with the functions around it; `self.f` is a method of the class around."""
    for part in ast.iter_child_nodes(tree):
        inside = (*callers, part) if isinstance(part, ast.FunctionDef | ast.Lambda) else callers
        if isinstance(part, ast.Call) and (name := _name_called(part.func, owner)):
            yield name, part, callers
        yield from _calls(part, part.name if isinstance(part, ast.ClassDef) else owner, inside)


def _name_called(function: ast.expr, owner: str) -> str:
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        value = function.value.id
        return f"{owner if value in ('self', 'cls') else value}.{function.attr}"
    return ""


def _gradients_received(body: ast.FunctionDef, call: ast.Call, gradients: frozenset[str]) -> frozenset[str]:
    """The parameters that are handed an incoming gradient, as it is or in an expression."""
    names = [argument.arg for argument in body.args.args]
    if names[:1] in (["self"], ["cls"]):
        names = names[1:]
    given = [*zip(names, call.args, strict=False), *((word.arg, word.value) for word in call.keywords if word.arg)]
    return frozenset(
        name
        for name, value in given
        if any(isinstance(part, ast.Name) and part.id in gradients for part in ast.walk(value))
    )


def _of_classes(tree: ast.Module) -> Iterator[Backward]:
    """`bprop(self, grad, ...)`, `backward(ctx, *grads)` of autograd.Function, `backward(self, grad)` of a layer."""
    classes = [part for part in ast.walk(tree) if isinstance(part, ast.ClassDef)]
    for part in classes:
        for method in part.body:
            if not isinstance(method, ast.FunctionDef) or method.name not in ("bprop", "backward"):
                continue
            first, *rest = [argument.arg for argument in method.args.args] or [""]
            if method.args.vararg is not None and first in CONTEXTS:
                rest.append(method.args.vararg.arg)
            if rest:
                gradients = rest if first in CONTEXTS else rest[:1]
                yield Backward(part.name, f"{part.name}.{method.name}", method, frozenset(gradients))


def _of_functions(tree: ast.Module) -> Iterator[Backward]:
    methods = {id(method) for part in ast.walk(tree) if isinstance(part, ast.ClassDef) for method in part.body}
    for part in ast.walk(tree):
        if isinstance(part, ast.FunctionDef) and part.name.endswith(ENDINGS) and id(part) not in methods:
            last = part.name.endswith("_bwd")  # JAX gives what was kept first
            yield Backward(part.name, part.name, part, _gradients(part, last))


def _of_definitions(tree: ast.Module) -> Iterator[Backward]:
    """The arguments of defvjp and defjvp: a method of JAX's custom_vjp, or a function of autograd."""
    functions = {part.name: part for part in ast.walk(tree) if isinstance(part, ast.FunctionDef)}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        method = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if method not in ("defvjp", "defjvp"):
            continue
        as_method = isinstance(call.func, ast.Attribute) and len(call.args) == 2 and method == "defvjp"
        owner = ast.unparse(call.func.value if as_method and isinstance(call.func, ast.Attribute) else call.args[0])
        for argument in call.args[1:]:
            body = functions.get(argument.id) if isinstance(argument, ast.Name) else argument
            if isinstance(body, ast.FunctionDef | ast.Lambda):
                yield Backward(owner, f"{owner}.{method}", body, _gradients(body, last=as_method))


def _gradients(body: ast.FunctionDef | ast.Lambda, last: bool) -> frozenset[str]:
    """The argument that is called as gradients are, otherwise the last or the first."""
    names = [argument.arg for argument in body.args.args]
    called = [name for name in names if name in GRADIENTS or name.startswith("grad")]
    return frozenset(called or (names[-1:] if last else names[:1]))


def _innermost(backward: Backward) -> Iterator[Backward]:
    """Where a function returns the vjp as another function, as autograd has it, that one."""
    results = [backward.body.body] if isinstance(backward.body, ast.Lambda) else _expressions_returned(backward.body)
    inner = [result for result in results if isinstance(result, ast.Lambda)]
    if not inner:
        yield backward
    for result in inner:
        yield from _innermost(backward._replace(body=result, gradients=_gradients(result, last=False)))


def _expressions_returned(function: ast.FunctionDef) -> list[ast.expr]:
    """The expressions that the function itself returns, including an inner function by its name."""
    stack: list[ast.AST] = list(function.body)
    results = []
    while stack:
        part = stack.pop(0)
        if isinstance(part, ast.Return) and part.value is not None:
            results.append(part.value)
        elif not isinstance(part, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(part))
    return results


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
        elif isinstance(part, ast.Call) and _name_of_call(part).endswith("_like") and _name_of_call(part) != "sum_like":
            stack.extend(part.args[:1] if _name_of_call(part) in ("broadcast_like", "reshape_like") else [])
        else:
            stack.extend(ast.iter_child_nodes(part))


def _name_of_call(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


class _Writer:
    def __init__(self, source: str, gradients: frozenset[str], gives_tuple: bool) -> None:
        self.source = source
        self.gives_tuple = gives_tuple  # as bprop does, where others may return a gradient alone
        self.gradients = gradients

    def text(self, part: ast.expr) -> str:
        return ast.get_source_segment(self.source, part) or ast.unparse(part)

    def text_in_brackets(self, part: ast.expr) -> str:
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
                yield Change(gradient, "sign", f"-{self.text_in_brackets(gradient)}")
                yield Change(gradient, "factor", f"2 * {self.text_in_brackets(gradient)}")
        present = [gradient for gradient in gradients if gradient is not None]
        for first, two in itertools.pairwise(present):
            yield Change(result, "swapped children", self._swap_entries(result, first, two))

    def _whole(self, result: ast.expr, change: str) -> str:
        """A result that is one expression, changed as the tuple or the gradient that it gives."""
        text = self.text(result)
        parts = f"tuple(part if part is None else {change} part for part in {text})"
        if self.gives_tuple:
            return parts
        if isinstance(result, ast.BinOp | ast.UnaryOp | ast.Compare | ast.Constant):
            return f"{change} {self.text_in_brackets(result)}"
        return f"({parts} if isinstance({text}, (tuple, list)) else {change} {self.text_in_brackets(result)})"

    def _gradient(self, entry: ast.expr) -> ast.expr | None:
        """The gradient of an entry such as `grad * b if needs[0] else None`; None for a constant child."""
        if isinstance(entry, ast.IfExp):
            return entry.body
        none = isinstance(entry, ast.Constant) and entry.value is None
        return None if none or isinstance(entry, ast.Starred) else entry

    def _swap_entries(self, result: ast.Tuple, first: ast.expr, two: ast.expr) -> str:
        written = {id(first): self.text(two), id(two): self.text(first)}
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
            yield Change(part, "sign", self.text_in_brackets(part.operand))
        elif isinstance(part, ast.Compare) and len(part.ops) == 1 and type(part.ops[0]) in COMPARISONS:
            left, right = self.text(part.left), self.text(part.comparators[0])
            yield Change(part, "operator", f"({left} {COMPARISONS[type(part.ops[0])]} {right})")
        elif isinstance(part, ast.Constant) and type(part.value) is not bool and isinstance(part.value, int | float):
            yield Change(part, "constant", repr(part.value + 1))
        elif isinstance(part, ast.Attribute) and part.attr in ("T", "mT"):
            yield Change(part, "transposed", self.text_in_brackets(part.value))
        elif isinstance(part, ast.Call):
            yield from self._of_call(part)

    def _of_operation(self, part: ast.BinOp) -> Iterator[Change]:
        left, right = self.text_in_brackets(part.left), self.text_in_brackets(part.right)
        if isinstance(part.op, ast.Add | ast.Sub):
            yield Change(part, "dropped term", left)
            yield Change(part, "dropped term", f"(-{right})" if isinstance(part.op, ast.Sub) else right)
        if type(part.op) in OPERATORS:
            yield Change(part, "operator", f"({left} {OPERATORS[type(part.op)]} {right})")

    def _of_call(self, call: ast.Call) -> Iterator[Change]:
        name = _name_of_call(call)
        function = call.func
        method = isinstance(function, ast.Attribute) and not (
            isinstance(function.value, ast.Name) and function.value.id in ("np", "numpy", "fg", "flowgraph")
        )
        operand = function.value if isinstance(function, ast.Attribute) and method else next(iter(call.args), None)
        if operand is not None and name in SUMS:
            yield Change(call, "dropped sum", self.text_in_brackets(operand))
        if operand is not None and name in TRANSPOSES:
            yield Change(call, "transposed", self.text_in_brackets(operand))
        if name in FUNCTIONS:
            text = self.text(function)
            yield Change(function, "operator", text[: len(text) - len(name)] + FUNCTIONS[name])


@dataclass(frozen=True)
class Mutant:
    """One wrong backward pass: of which class or function, what kind of mistake, on which line.

    `backward` is its whole name, `MyBox.bprop`; `source` is the whole source that has it.

    Parameters
    ----------
    file : Path
        The file that has the backward pass.
    box : str
        The class or function.
    kind : str
        What kind of mistake it is.
    line : int
        Line of the change, counted from 1.
    diff : str
        The change as a unified diff.
    source : str
        The whole source with the mistake.
    backward : str
        Whole name of the backward pass, `MyBox.bprop`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from flowgraph.mutation import mutants_of
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "boxes.py"
    >>> _ = file.write_text("class A:\\n    def bprop(self, grad, h, a):\\n        return (grad * h,)\\n")
    >>> mutants_of(file)[0].backward
    'A.bprop'
    """

    file: Path
    box: str
    kind: str
    line: int
    diff: str
    source: str
    backward: str

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}: {self.backward}, {self.kind}\n{self.diff}"


def mutants_of(file: Path) -> list[Mutant]:
    """Every mutant of every backward pass that is written in the file.

    Parameters
    ----------
    file : Path
        A file of Python.

    Returns
    -------
    list of Mutant
        In the order of the source.

    Raises
    ------
    UsageError
        If the file is no Python.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from flowgraph.mutation import mutants_of
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "boxes.py"
    >>> _ = file.write_text("class A:\\n    def bprop(self, grad, h, a):\\n        return (grad * h,)\\n")
    >>> len(mutants_of(file)) > 1
    True
    """
    size_of(file, "a file of Python", UsageError)
    source = file.read_text(encoding="utf-8")
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise UsageError(f"mutate: {file} is no Python that this version reads ({error})") from error
    mutants: list[Mutant] = []
    seen = {ast.dump(tree)}
    for backward in backwards_of(tree):
        for change in changes_of(backward, source):
            mutated = _with(source, change)
            dump = _dump(mutated)
            if dump is None or dump in seen:
                continue
            seen.add(dump)
            line = change.part.lineno
            diff = _diff(source, mutated)
            mutants.append(Mutant(file, backward.owner, change.kind, line, diff, mutated, backward.name))
    return mutants


def _with(source: str, change: Change) -> str:
    """The source with one part replaced; the columns of a syntax tree count bytes."""
    lines = source.encode().splitlines(keepends=True)
    part = change.part
    assert part.end_lineno is not None
    assert part.end_col_offset is not None
    first, last = part.lineno - 1, part.end_lineno - 1
    new = lines[first][: part.col_offset] + change.text.encode() + lines[last][part.end_col_offset :]
    return b"".join([*lines[:first], new, *lines[last + 1 :]]).decode()


def _dump(source: str) -> str | None:
    """The syntax tree as text, equal for sources that differ in layout only; None for invalid Python."""
    try:
        return ast.dump(ast.parse(source))
    except SyntaxError:
        return None


def _diff(old: str, new: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm=""))
    return "\n".join(line for line in lines[2:] if not line.startswith("@@"))


def sources_of(target: str) -> list[Path]:
    """The files of `package.module`, of all modules of a package, or the file of that path.

    Parameters
    ----------
    target : str
        A module, a package, or the path of a file.

    Returns
    -------
    list of Path
        The files of Python.

    Raises
    ------
    UsageError
        If there is no such module.
    MissingPathError
        If there is no such file.

    Examples
    --------
    >>> from flowgraph.mutation import sources_of
    >>> [path.name for path in sources_of("flowgraph.boxes.elementwise.trigonometric")]
    ['trigonometric.py']
    """
    path = Path(target)
    if target.endswith(".py") or len(path.parts) > 1 or path.is_dir():
        return _within(must_exist(path).resolve())
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    spec = _find(target)
    if spec is None or (spec.origin is None and not spec.submodule_search_locations):
        raise UsageError(
            f"mutate: found no module {target!r} on the import path; give it as the tests import it, from the "
            f"directory in which they run, or give the path of its file"
        )
    if spec.submodule_search_locations:
        return [file for place in spec.submodule_search_locations for file in _within(Path(place).resolve())]
    assert spec.origin is not None
    if not spec.origin.endswith(".py"):
        raise UsageError(f"mutate: {target!r} is {spec.origin}, needs a module written in Python")
    return [Path(spec.origin).resolve()]


def _find(name: str) -> ModuleSpec | None:
    """The spec of a module, found without importing the packages above it: nothing of the user's runs here."""
    spec: ModuleSpec | None = None
    path: Sequence[str] | None = None
    whole = ""
    importlib.invalidate_caches()
    for part in name.split("."):
        whole = f"{whole}.{part}".lstrip(".")
        specs = (finder.find_spec(whole, path) for finder in sys.meta_path)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None:
            return None
        path = spec.submodule_search_locations or []
    return spec


def _within(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]
