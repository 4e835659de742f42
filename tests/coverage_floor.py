"""Holds the branch coverage of a run against the floors: 100 % of the engine's core, and of all code a share.

Each line of the core is reached by tests that always run, `CORE` in tests/selection.py, so that no sample decides. The
share of all code holds for the sample that tests/seed.txt draws, a point below what it reaches; what is reached only by
tests outside of the sample is held by the floor of the night.
"""

import os
import sys
from xml.etree import ElementTree

CORE = (
    *(f"box/{name}.py" for name in ("arrays", "base", "elementwise", "node")),
    *(f"graph/{name}.py" for name in ("graph", "passes", "steps", "topology")),
)
"""What a box is made of, and the lecture."""
FLOOR = 0.95 if os.environ.get("FLOWGRAPH_THOROUGH") == "1" else 0.938


def shortfalls(path: str) -> list[str]:
    """What lies under its floor, a line each."""
    root = ElementTree.parse(path).getroot()
    found = {c.get("filename"): c for c in root.iter("class")}
    lines = []
    for name in CORE:
        rates = [float(found[name].get(kind)) for kind in ("line-rate", "branch-rate")]
        if min(rates) < 1:
            lines.append(f"flowgraph/{name}: {min(rates):.1%} covered, needs 100 %")
    covered = sum(int(root.get(kind)) for kind in ("lines-covered", "branches-covered"))
    valid = sum(int(root.get(kind)) for kind in ("lines-valid", "branches-valid"))
    if covered < FLOOR * valid:
        lines.append(f"flowgraph: {covered / valid:.1%} covered, needs {FLOOR:.1%}")
    print(f"branch coverage of flowgraph: {covered / valid:.1%}")
    return lines


if __name__ == "__main__":
    missing = shortfalls(sys.argv[1])
    print("\n".join(missing))
    sys.exit(bool(missing))
