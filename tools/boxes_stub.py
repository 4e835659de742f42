"""What mypy and editors see of flowgraph.boxes, made from the registry: `python -m tools.boxes_stub`."""

from __future__ import annotations

import flowgraph.boxes
from flowgraph.box.exports import exports, is_public


def stub() -> str:
    """The text of flowgraph/boxes/__init__.pyi."""
    package = flowgraph.boxes.__name__
    found = exports(package, flowgraph.boxes.__path__)
    lines = ["# Made by `python -m tools.boxes_stub` from the registry of boxes.", ""]
    lines += [f"from {one.__module__} import {name} as {name}" for name, one in found.items()]
    lines += ["", "__all__ = [", *(f'    "{name}",' for name, one in found.items() if is_public(one)), "]"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(stub(), end="")
