"""Where a source has backward passes written by hand: bprop, backward, vjps by name, what defvjp is given, and helpers.

A helper is a function or a method that backward passes alone call: whoever breaks what a forward pass calls too has
another function, whose gradient may well be right.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

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
    for found in (*_of_definitions(tree), *_of_classes(tree), *_of_functions(tree)):
        outer.add(id(found.body))
        for one in _innermost(found):
            seen.setdefault(id(one.body), one)
    yield from seen.values()
    yield from _helpers(tree, list(seen.values()), outer)


Function = ast.FunctionDef | ast.Lambda


def _helpers(tree: ast.Module, backwards: list[Backward], outer: set[int]) -> Iterator[Backward]:
    """Functions of the source that are called by backward passes only, recursively."""
    calls = list(_calls(tree))
    named = dict(_named(tree))
    known, waiting = outer | {id(one.body) for one in backwards}, list(backwards)
    while waiting:
        backward = waiting.pop(0)
        for name, call, callers in calls:
            body = named.get(name)
            if body is None or id(body) in known or not any(one is backward.body for one in callers):
                continue
            others = [around for other, _, around in calls if other == name]
            if all((known | {id(body)}) & {id(one) for one in around} for around in others):
                known.add(id(body))
                found = Backward(backward.owner, name, body, _received(body, call, backward.gradients))
                waiting.append(found)
                yield found


def _named(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions by their name and methods by that of their class before it, as `_called` writes them."""
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
        if isinstance(part, ast.Call) and (name := _called(part.func, owner)):
            yield name, part, callers
        yield from _calls(part, part.name if isinstance(part, ast.ClassDef) else owner, inside)


def _called(function: ast.expr, owner: str) -> str:
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        value = function.value.id
        return f"{owner if value in ('self', 'cls') else value}.{function.attr}"
    return ""


def _received(body: ast.FunctionDef, call: ast.Call, gradients: frozenset[str]) -> frozenset[str]:
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


def _innermost(found: Backward) -> Iterator[Backward]:
    """Where a function returns the vjp as another function, as autograd has it, that one."""
    results = [found.body.body] if isinstance(found.body, ast.Lambda) else _returned(found.body)
    inner = [result for result in results if isinstance(result, ast.Lambda)]
    if not inner:
        yield found
    for one in inner:
        yield from _innermost(found._replace(body=one, gradients=_gradients(one, last=False)))


def _returned(function: ast.FunctionDef) -> list[ast.expr]:
    """The expressions that the function itself returns, including an inner function by its name."""
    stack: list[ast.AST] = list(function.body)
    found = []
    while stack:
        part = stack.pop(0)
        if isinstance(part, ast.Return) and part.value is not None:
            found.append(part.value)
        elif not isinstance(part, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(part))
    return found
