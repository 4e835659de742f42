"""The tile of a module: its name, how many there are, what it does, what it gives, its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowgraph.box import Box
from flowgraph.printable import printable
from flowgraph.rendering.module_range import extremes_text, gradient_range, rms_text, value_range
from flowgraph.rendering.modules import Module, of_first_call
from flowgraph.rendering.palette import ink_on
from flowgraph.rendering.picture import Row, Span, Tile
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.wording import shape_text, shortened

_MOST = 4
"""Operations that are named on the tile; the tooltip has all boxes."""

_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"


def module_tile(subject: Subject, module: Module, id: str, titles: Mapping[str, str] | None = None) -> Tile:
    """A module as one tile, filled by the worst gradient of all its boxes in the view of gradients.

    `titles` say what modules are, by their paths: "0 · Linear 16→32" in place of the path and its operations.
    """
    last = module.tail[-1]
    receives = subject.view not in ("forward", "values") or subject.grads is not None
    gradients = gradient_range(subject, module) if receives else None
    fill = gradients.worst if gradients and gradients.stages and subject.view == "gradients" else "fill box"
    ink = ink_on(fill)
    muted = "muted" if ink == "ink" else ink
    known = (titles or {}).get(module.title, "") or (titles or {}).get(of_first_call(module.title), "")
    title = [Span(shortened(known or module.title), ink, bold=True, size=12)]
    if len(module.paths) > 1:
        title.append(Span(f"×{len(module.paths)}", "gradient" if ink == "ink" else ink, bold=True, size=12))
    shapes = _shapes(subject, last)
    rows = [Row(tuple(title)), *([] if known else [Row((Span(_operations(module), muted),))])]
    rows += [Row((Span(f"each step reads {_element(subject, module)}", muted),))] if module.elements else []
    rows.append(Row((Span(f"→ {shapes}", muted),)))
    if subject.view == "values":
        values = value_range(subject, module)
        rows += values.rows("", extremes_text(values), "muted")
    if subject.stepped:
        rows += [Row((Span("", role),), since=role) for role in ("value", "gradient")]
    elif gradients and subject.view != "forward":
        rows += gradients.rows("∂ ", rms_text(gradients), "gradient" if ink == "ink" else ink)
        if subject.view == "gradients" and gradients.stages and not gradients.every:
            rows.append(Row((Span("∂ not computed", ink),)))
    rows += _parameters(subject, module)
    return Tile(
        id=id,
        kind="box",
        rows=tuple(rows),
        tooltip=_tooltip(subject, module),
        fill=fill,
        line="line box",
        square=True,
        stacked=len(module.paths) > 1 or not known,
        carried=_carried(subject, module),
        frame=module.paths[0].rpartition("/")[0],
    )


def _parameters(subject: Subject, module: Module) -> list[Row]:
    """How many parameters a module reads; those that others hold are shared with them."""
    inside = set(module.boxes)
    read = {child for box in module.boxes for child in box.children if subject.kind[child] == "parameter"}
    count = sum(box.value.size for box in read | inside if subject.kind[box] == "parameter")
    words = f"{count:,} parameters" + (", shared" if read - inside else "")
    return [Row((Span(words, "ink"),), "fill parameter")] if count else []


def _carried(subject: Subject, module: Module) -> str:
    """What the steps of a loop hand on: names of variables without their numbers, shapes of what has no name."""
    words = [
        shortened(subject.local_name(box).rstrip(_SUBSCRIPTS)) if subject.is_named(box) else _shapes(subject, box)
        for box in module.carried
    ]
    return ", ".join(dict.fromkeys(words) if len(words) > _MOST else words)


def _shapes(subject: Subject, box: Box) -> str:
    return ", ".join(shape_text(spec.shape, subject.sizes) for spec in box.outputs)


def _element(subject: Subject, module: Module) -> str:
    """What each step takes of a value that all read: x[:, t]."""
    box = module.elements[-1]
    index = box.setting_values()["index"]
    parts = ["t" if isinstance(one, int) else ":" if isinstance(one, slice) else "…" for one in _tuple(index)]
    return f"{shortened(subject.local_name(box.children[0]))}[{', '.join(parts)}]"


def _tuple(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _operations(module: Module) -> str:
    """The operations of one scope, in order."""
    scope = module.tail[-1].scope
    words = [type(box).symbol for box in module.tail if box.scope == scope]
    unlike = list(dict.fromkeys(words))
    return printable(" · ".join(unlike[:_MOST]) + (" · …" if len(unlike) > _MOST else ""))


def _tooltip(subject: Subject, module: Module) -> str:
    names = [printable(subject.names[box]) for box in module.boxes]
    listed = ", ".join(names[:12]) + (f", … {len(names) - 12} more" if len(names) > 12 else "")
    return f"{module.title}: {len(names)} boxes\n{listed}\nbuilt at {module.tail[-1].built_at}"
