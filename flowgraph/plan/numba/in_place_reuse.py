"""In-place reuse: an output may overwrite an input that the same loop reads for the last time."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowgraph.box import Box
from flowgraph.plan.schedule import Buffer


@dataclass
class InPlaceReuse:
    """What loops read and write, by line: who may have the buffer of whom.

    `reads` has, by array and loop, the last line that reads it there, -1 if another element than the loop's own is read
    anywhere in it; `writes` has the loop and the line in which an array is written at the loop's own index.
    """

    reads: dict[Box, dict[int, int]] = field(default_factory=dict)
    writes: dict[Box, tuple[int, int]] = field(default_factory=dict)

    def read(self, base: Box, loop: int, line: int, own: bool) -> None:
        """A line reads an element of the array."""
        lines = self.reads.setdefault(base, {})
        lines[loop] = line if own and lines.get(loop, 0) >= 0 else -1

    def write(self, box: Box, loop: int, line: int) -> None:
        """A line writes the element of the box at the loop's own index."""
        self.writes[box] = loop, line

    def reuse_dying_buffers(self, buffers: dict[Box, Buffer]) -> None:
        """Let arrays have the buffers of those that die in the loop that writes them, before the line that does."""
        dying: dict[int, list[Box]] = {}
        for base, lines in self.reads.items():
            if base in buffers and lines.get(buffers[base].last, -1) >= 0:
                dying.setdefault(buffers[base].last, []).append(base)
        for box, (loop, line) in self.writes.items():
            if box not in buffers:
                continue
            for base in dying.get(loop, ()):
                buffer = buffers[base]
                if buffer.size == buffers[box].size and buffer.last == loop and self.reads[base][loop] <= line:
                    buffer.last = buffers[box].last
                    buffers[box] = buffer
                    break
