"""The lines of labels: where they stand in the scores, and the refusal of one that is no class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowgraph.boxes.neural.label import PlaceOf, PlacesOf
from flowgraph.plan.rebuild import shape_of

if TYPE_CHECKING:
    from flowgraph.plan.numpy.emit import Writer


def write_refusal(writer: Writer, box: PlaceOf, label: str, labels: str) -> None:
    """The lines that refuse the only label, if it is outside the classes."""
    writer.line(box, f"if not 0 <= {label} < {shape_of(box.children[1])[-1]}:", comment=False)
    writer.line(box, f"    {_check(writer, box)}({labels})", comment=False)


def texts_of_places(writer: Writer, box: PlacesOf, labels: str) -> list[str]:
    """The labels, and the names of the places where the rows begin, of what a class adds, of what refuses a label."""
    names = writer.source.taken.free("rows"), writer.source.taken.free("of_class")
    writer.source.places[names] = box
    return [labels, *names, _check(writer, box)]


def _check(writer: Writer, box: PlaceOf | PlacesOf) -> str:
    name = writer.source.taken.free("check_labels")
    writer.source.labels[name] = box
    return name
