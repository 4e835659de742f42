"""Python text that shows a mistake when it is run."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping

import numpy as np

from flowgraph.checking.compare import Suspicion
from flowgraph.checking.definitions import definition_of, literal
from flowgraph.checking.point import Point
from flowgraph.checking.runner import parts, unflatten
from flowgraph.checking.target import Target

MOST_ELEMENTS = 200  # of an array that is printed: a screen of numbers
OWN_NAMES = (
    "np", "fprop", "bprop", "grad", "output", "gradients", "move", "step", "pairs",
    "function", "forward", "backward", "vjp", "outputs", "pulled", "tensors", "called", "torch", "jax", "mygrad",
    "make_vjp",
)  # fmt: skip


def reproducing_code(
    target: Target, point: Point, suspicion: Suspicion, child: int | None, index: tuple[int, ...] | None
) -> str:
    """Inputs as literals, the call of bprop, and a central difference for comparison."""
    names = _identifiers(target.names)
    if any(isinstance(x, np.ndarray) and x.size > MOST_ELEMENTS for x in point.inputs):
        return ""
    definition = target.definition or (*definition_of("fprop", target.fprop), *definition_of("bprop", target.bprop))
    lines = ["import numpy as np", *definition, ""]
    lines += [f"{name} = {literal(x)}" for name, x in zip(names, point.inputs, strict=True)]
    lines += [
        f"output = fprop({_arguments(target, names)})",
        f"grad = {_grad_text(point, suspicion)}",
        f"gradients = bprop(grad, output, {_arguments(target, names, taken=getattr(target.bprop, 'taken', None))})",
    ]
    if child is None or suspicion.grad is None:
        lines.append("print(gradients)")
        return "\n".join(lines)
    at = "" if not index else f"[{', '.join(map(str, index))}]"
    lines.append(f'print("bprop  ", gradients[{child}]{at if suspicion.kind != "shape" else ""})')
    if suspicion.kind == "value" and index is not None:
        lines += _numeric(target, names, point, child, index)
    return "\n".join(lines)


def _numeric(target: Target, names: list[str], point: Point, child: int, index: tuple[int, ...]) -> list[str]:
    """A central difference for comparison with bprop."""
    x, step = names[child], _step(point, child, index)
    up, down = (_arguments(target, names, {x: f"{x} {sign} move"}) for sign in "+-")
    at = f"[{', '.join(map(str, index))}]" if index else ""
    lines = [
        f"move = np.zeros(np.shape({x}))" if at else "move = 0.0",
        f"step = {step!r}",
        f"move{at} = step" if at else "move = step",
    ]
    if any(np.iscomplexobj(part) for part in parts(point.output)):
        pairs = f"zip(grad, fprop({up}), fprop({down}))"
        pairs = pairs if isinstance(point.output, tuple | list) else f"[(grad, fprop({up}), fprop({down}))]"
        return [*lines, f'print("numeric", sum(np.vdot(g, up - down).real for g, up, down in {pairs}) / (2 * step))']
    if not isinstance(point.output, tuple | list):
        return [*lines, f'print("numeric", np.sum(grad * (fprop({up}) - fprop({down}))) / (2 * step))']
    return [
        *lines,
        f"pairs = zip(grad, fprop({up}), fprop({down}))",
        'print("numeric", sum(np.sum(g * (up - down)) for g, up, down in pairs) / (2 * step))',
    ]


def _arguments(
    target: Target, names: list[str], changed: Mapping[str, str] | None = None, taken: frozenset[str] | None = None
) -> str:
    """The inputs in a call, keywords by name, of which a function may take some alone; some of them `changed`."""
    texts = [(changed or {}).get(name, name) for name in names]
    count = len(names) - target.defaulted
    own = zip(target.names[count:], texts[count:], strict=True)
    return ", ".join([*texts[:count], *(f"{by}={text}" for by, text in own if taken is None or by in taken)])


def _step(point: Point, child: int, index: tuple[int, ...]) -> float:
    scale = float(point.scales(child)[index]) if index else float(point.scales(child))
    return float(f"{1e-4 * scale:.0e}")


def _grad_text(point: Point, suspicion: Suspicion) -> str:
    if suspicion.grad is None or point.projection is not None:
        if isinstance(point.output, tuple | list):
            return "tuple(np.ones(np.shape(part)) for part in output)"
        return "np.ones(np.shape(output))"
    return literal(unflatten(suspicion.grad, point.output))


def _identifiers(names: tuple[str, ...]) -> list[str]:
    """The names of the inputs as variables, each of its own."""
    taken = {*OWN_NAMES, *keyword.kwlist}
    found = []
    for name in names:
        plain = re.sub(r"\W", "_", name)
        variable = plain if plain.isidentifier() else f"x{plain}"
        while variable in taken:
            variable += "_"
        taken.add(variable)
        found.append(variable)
    return found
