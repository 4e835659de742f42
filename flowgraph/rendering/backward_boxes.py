"""Which boxes of a graph are its backward pass: what `fg.gradient` built, and of what each is the gradient."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from flowgraph.box import Box, registry
from flowgraph.plan.rebuild import owner_of
from flowgraph.rendering.wording import gradient_name


def backward_boxes(boxes: Iterable[Box]) -> set[Box]:
    """The boxes built by a derivative; in a plan, those that replace them."""
    owners = {box: owner_of(box) for box in boxes}
    places = {owner.built_at for owner in owners.values() if owner.is_derivative}
    return {box for box, owner in owners.items() if box.children and owner.built_at in places}


def gradient_names(backward: Iterable[Box], by_name: Mapping[str, Box], names: Mapping[Box, str]) -> dict[Box, str]:
    """The names of gradients as mathematics, ∇W⁽¹⁾ for what `fg.gradient` has called dW1; "" where the box had no name.

    `by_name` has the boxes of the graph by their own names, `names` what the picture calls those that have a name.
    """
    shown_names = {}
    for box in backward:
        path, slash, last = (box.name or "").rpartition("/")
        if not last.startswith("d"):
            continue
        source = by_name.get(f"{path}{slash}{last[1:]}")
        shown = _own_name(last[1:]) if source is None else names.get(source, "").rpartition("/")[2]
        if shown[:1].isalpha() and box.name is not None and box.name.startswith(box.scope):
            shown_names[box] = f"{box.scope}{gradient_name(shown)}"
        else:
            shown_names[box] = ""
    return shown_names


def _own_name(name: str) -> str:
    """A name of a box that the graph does not hold; "" where it is the symbol of a kind of boxes."""
    return "" if re.sub(r"_\d+$", "", name) in {cls.symbol for cls in registry.values()} else name
