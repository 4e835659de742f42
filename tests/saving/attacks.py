"""Small files that ask for much time or memory, as documents and arrays; each is to be refused at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import flowgraph as fg

Attack = tuple[str, Any, dict[str, Any]]
ENDLESS = {"range": [0, 10**15]}


class NoRule(fg.Box):
    """What a user may write: neither signature nor infer."""

    def fprop(self, a: Any) -> Any:
        return a * 2.0


NO_RULE = f"{NoRule.__module__}.{NoRule.__qualname__}"


def attacks() -> Iterator[Attack]:
    """All of them, with their names."""
    yield from of_one_box()
    yield from of_sizes()
    yield from of_arrays()


def one(cls: str, shape: list[Any], outputs: list[Any], **settings: Any) -> tuple[Any, dict[str, Any]]:
    """A document of one input and one box."""
    leaf = {"box": "Input", "name": "x", "outputs": [[{"tuple": shape}, "<f8"]]}
    box = {"box": cls, "outputs": [[{"tuple": outputs}, "<f8"]], "children": [0], "settings": settings}
    return {"boxes": [leaf, box], "outputs": [1]}, {}


def of_one_box() -> Iterator[Attack]:
    """Settings and shapes that a box takes apart or tries."""
    yield "reshape", *one("Reshape", [4], [4], to=ENDLESS)
    yield "broadcast", *one("BroadcastTo", [4], [4], to=ENDLESS)
    yield "pad", *one("Pad", [4], [4], pad_width=ENDLESS)
    yield "pad inside", *one("Pad", [4], [4], pad_width={"tuple": [ENDLESS]})
    yield "index", *one("Index", [4], [4], index=ENDLESS)
    yield "axes", *one("Sum", [4], [], axis=ENDLESS, keepdims=False)
    for cls in ("Fft", "Ifft", "Rfft", "Irfft"):
        sizes = {"tuple": [10**5, 10**5]}
        yield cls, *one(cls, [4, 4], [4, 4], axes={"tuple": [0, 1]}, s=sizes, norm=None)
    yield "a transform of 16 axes", *one("Fft", [4] * 16, [], axes=None, s=None, norm=None)
    for cls in ("Sum", "CumSum", "Median", "Max", "Std"):
        yield f"{cls} of 32 axes", *one(cls, [1] * 32, [7], axis=0)
    for cls in ("Exprel", "LogRatio"):
        yield cls, *one(cls, [4], [4], order=10**9)
    yield "sections", *one("Split", [4], [4], at=10**9, axis=0, uneven=True)
    yield "sections of a name", *one("Split", [{"size": [[1, "N"]]}], [4], at=10**9, axis=0, uneven=False)
    yield "slices", *one("Unstack", [10**9], [4], axis=0)
    yield "new axes", *one("ExpandDims", [], [1], axis={"tuple": list(range(20_000))})
    yield "a box without a rule", *one(NO_RULE, [10**5, 10**5], [10**5, 10**5])


def of_sizes() -> Iterator[Attack]:
    """Sizes of many terms, and sizes that grow from box to box."""
    names = [[1, *(f"N{i}" for i in range(j, j + 8))] for j in range(60)]
    yield "a polynomial", *one("Reshape", [{"size": names}] * 4, [{"size": names}] * 4, to={"tuple": [-1]})
    for size in ({"size": [[1, "N"]]}, {"size": [[1, "N"], [1, "M"]]}, 10**9):
        rows: list[Any] = [{"box": "Input", "name": "x", "outputs": [[{"tuple": [size]}, "<f8"]]}]
        for i in range(40):  # each size is the square of the one before
            axes = {"axes": {"tuple": [{"tuple": []}] * 2}}
            outer = {"box": "TensorDot", "children": [2 * i, 2 * i], "settings": axes}
            flat = {"box": "Reshape", "children": [2 * i + 1], "settings": {"to": {"tuple": [-1]}}}
            open_sizes = [{"size": [[1, f"?{3 * i + j}"]]} for j in range(3)]
            rows += [{**outer, "outputs": [[{"tuple": open_sizes[:2]}, "<f8"]]}]
            rows += [{**flat, "outputs": [[{"tuple": open_sizes[2:]}, "<f8"]]}]
        yield f"squares of {size}", {"boxes": rows, "outputs": [80]}, {}


def of_arrays() -> Iterator[Attack]:
    """One array for many boxes, and many boxes that are tried."""
    shared = [{"box": "Constant", "dtype": "<f8", "array": "c"}] * 5000
    yield "one array for many", {"boxes": shared, "outputs": [0]}, {"c": np.zeros(1 << 17)}
    wide = [{"box": "Constant", "dtype": "<c16", "array": "c"}]
    yield "another dtype", {"boxes": wide, "outputs": [0]}, {"c": np.zeros(4, "?")}
    rows: list[Any] = []
    for i in range(100):
        leaf, box = one(NO_RULE, [2000 + i, 2000], [2000 + i, 2000])[0]["boxes"]
        rows += [leaf | {"name": f"x{i}"}, box | {"children": [2 * i]}]
    yield "many boxes without a rule", {"boxes": rows, "outputs": [1]}, {}
