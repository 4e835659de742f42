"""The tile of a module: its name, how many there are, what it does, what it gives, its parameters."""

from __future__ import annotations

from flowgraph.printable import printable
from flowgraph.rendering.module_range import extremes_text, gradient_range, rms_text, value_range
from flowgraph.rendering.modules import Module
from flowgraph.rendering.palette import ink_on
from flowgraph.rendering.picture import Row, Span, Tile
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.wording import shape_text, shortened

_MOST = 4
"""Operations that are named on the tile; the tooltip has all boxes."""


def module_tile(subject: Subject, module: Module, id: str) -> Tile:
    """A module as one tile, filled by the worst gradient of all its boxes in the view of gradients."""
    last = module.tail[-1]
    receives = subject.view not in ("forward", "values") or subject.grads is not None
    gradients = gradient_range(subject, module) if receives else None
    fill = gradients.worst if gradients and gradients.stages and subject.view == "gradients" else "fill box"
    ink = ink_on(fill)
    muted = "muted" if ink == "ink" else ink
    title = [Span(shortened(module.title), ink, bold=True, size=12)]
    if len(module.paths) > 1:
        title.append(Span(f"×{len(module.paths)}", "gradient" if ink == "ink" else ink, bold=True, size=12))
    shapes = ", ".join(shape_text(spec.shape, subject.sizes) for spec in last.outputs)
    rows = [Row(tuple(title)), Row((Span(_operations(module), muted),)), Row((Span(f"→ {shapes}", muted),))]
    if subject.view == "values":
        values = value_range(subject, module)
        rows += values.rows("", extremes_text(values), "muted")
    if subject.stepped:
        rows += [Row((Span("", role),), since=role) for role in ("value", "gradient")]
    elif gradients and subject.view != "forward":
        rows += gradients.rows("∂ ", rms_text(gradients), "gradient" if ink == "ink" else ink)
        if subject.view == "gradients" and gradients.stages and not gradients.every:
            rows.append(Row((Span("∂ not computed", ink),)))
    count = sum(box.value.size for box in module.boxes if subject.kind[box] == "parameter")
    if count:
        rows.append(Row((Span(f"{count:,} parameters", "ink"),), "fill parameter"))
    return Tile(
        id=id,
        kind="box",
        rows=tuple(rows),
        tooltip=_tooltip(subject, module),
        fill=fill,
        line="line box",
        square=True,
        stacked=True,
        frame=module.paths[0].rpartition("/")[0],
    )


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
