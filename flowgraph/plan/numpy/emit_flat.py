"""Names and lines of flat arrays: adjacent parameters, arrays that are computed in sections of one buffer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.plan.passes.parameter_layout import bytes_of
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.schedule import Buffer
from flowgraph.shapes.spec import shape_text

if TYPE_CHECKING:
    from flowgraph.plan.numpy.emit import Source, Writer


def name_of_run(source: Source, run: Sequence[Parameter]) -> str:
    """The name of flat parameters: of the first and the last."""
    return "_".join(source.names[parameter] for parameter in dict.fromkeys((run[0], run[-1])))


def name_of_buffer(writer: Writer, buffer: Buffer) -> str:
    """What a buffer is called, if that is free: after the parameters whose spare one it is, or its section is."""
    if buffer.spare_of is not None:
        return f"spare_{name_of_run(writer.source, buffer.spare_of)}"
    if buffer.inside is None:
        return "m1"
    run = buffer.whole.spare_of
    if run is not None and (covered := _covered(run, buffer)):
        return f"spare_{name_of_run(writer.source, covered)}"
    return f"{writer.out(writer.wholes[id(buffer)])}_{buffer.section + 1}"


def _covered(run: Sequence[Parameter], section: Buffer) -> list[Parameter]:
    """The flat parameters that a section of it covers."""
    ends = list(itertools.accumulate(map(bytes_of, run)))
    return [p for p, end in zip(run, ends, strict=True) if section.start < end <= section.start + section.size]


def write_join(writer: Writer, box: Box, texts: Sequence[str]) -> str:
    """Copy what was not written into its section, and name the buffer of all."""
    out, name = writer.out(box), writer.source.names[box]
    start = 0
    for section, (child, text) in enumerate(zip(box.children, texts, strict=True)):
        stop = start + shape_of(child)[0]
        if section not in writer.joins[box]:
            writer.line(child, f"{out}[{start}:{stop}] = {text}")
        start = stop
    sections = [writer.out(one) for _, one in sorted(writer.joins[box].items())]
    listed = " and ".join(sections) if len(sections) < 3 else f"{sections[0]} to {sections[-1]}"
    writer.lines.append((f"    {name} = {out}", f"{shape_text(box.shape)} of {listed}"))
    return name
