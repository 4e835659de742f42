"""Programs that once differed on some path, each with what was wrong; they are tried on every path in every run."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.fuzz.case import Case, Leaf


def leaf(name: str, array: Any, kind: str = "input", dtype: str = "f8", **settings: Any) -> Leaf:
    """A leaf of a program that was found."""
    return Leaf(name, kind, np.asarray(array, dtype), **settings)


def case(label: str, leaves: list[Leaf], *lines: str, outputs: tuple[str, ...] = ()) -> Case:
    """A program from lines such as "v0 = np.exp(x)"; the last value is its output, if no other is named."""
    parts = tuple(tuple(line.split(" = ", 1)) for line in lines)
    return Case(tuple(leaves), parts, outputs or (parts[-1][0],), label)  # type: ignore[arg-type]


ROW = [0.5, -1.0, 2.0]
MATRIX = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]

FOUND = [
    case("a reshape of (2, 3) to (3, 2) as a transpose", [leaf("x", MATRIX)], "v = np.reshape(x, (3, 2)) + 0.5"),
    case(
        "the same of a parameter that is only read", [leaf("p", MATRIX, "parameter")], "v = np.reshape(p, (3, 2))"
    ),
    case(
        "the same of a batch",
        [leaf("x", np.arange(12.0).reshape(4, 3), named=True)], "v = np.reshape(x, (3, -1)) * 2.0"
    ),
    case("a view of a buffer as a number", [leaf("x", ROW)], "v = np.sin(x)[..., 0]"),
    case(
        "a view of a buffer that is reused",
        [leaf("w", ROW, "parameter")],
        "y = (w * 3.0)[..., -1]",
        "l = y * 1.0 + 0.01 * np.sum(w)",
        outputs=("l", "y"),
    ),
    case("factors gathered until they overflow", [leaf("q", [1.6e-19, 3.2e-19], dtype="f4")], "v = (q * 1e20) ** 2"),
    case("factors gathered over a zero", [leaf("q", [0.0, 1e-20], dtype="f4")], "v = (q / 1e-20) ** 2"),
    case("the same in float64", [leaf("x", [1e-190, 0.0])], "v = (x * 1e200) ** 2"),
    case("a sum of which a factor was taken out", [leaf("x", [1.2e308, 1.5e308])], "v = np.sum(0.25 * x)"),
    case("a factor that brought back what had vanished", [leaf("x", [1e-200, 1.0])], "v = (x * 1e-200) * 1e200"),
    case("infinity less a part of it", [leaf("x", [np.inf, 1.0])], "v = x - 0.25 * x"),
    case(
        "a reciprocal of a tiny number", [leaf("x", [1e-160, 0.0]), leaf("c", 4e-321)], "v = x / c", "w = v * 1e-160"
    ),
    case(
        "a number of literals alone",
        [leaf("x", ROW), leaf("v", [0.3], "parameter")],
        "l = 0.01 * np.sum(v) + np.sum(np.sign(x - v))",
    ),
    case("a diagonal of one element", [leaf("p", [[0.5]], "parameter")], "v = np.trace(p + p)"),
    case("a cast of a number", [leaf("p", -0.3 + 0.1j, "parameter", "c16")], "v = p - p"),
    case(
        "a transposed view copied by a reshape", [leaf("x", MATRIX)], "y = np.exp(x * 0.1)", "t = y.T.reshape(6)",
        "v = np.sin(t) * 2 + t",
    ),
    case(
        "a view between the lines of a chain over pieces",
        [leaf("x", np.arange(12.0).reshape(4, 3), dtype="f4")],
        "v0 = x + x",
        "v1 = v0.reshape((12,))",
        "v2 = np.trunc(x)",
        outputs=("v1", "v0", "v2"),
    ),
    case(
        "an empty parameter beside one that is updated alike",
        [leaf("e", np.zeros((0, 3)), "parameter"), leaf("p", ROW, "parameter")],
        "v = np.sum(e) + np.sum(p * p)",
    ),
    case(
        "a sum of the same terms in another order",
        [leaf("p", [3.4028234663852886e38, 1.0], "parameter", "f4")],
        "v = (-1e21 - p) + 3e38",
    ),
    case(
        "complex numbers in columns, saved",
        [leaf("p", [[1 + 2j, 3j], [4.0, 5 - 1j]], "parameter", "c16", layout="a.T")],
        "v = p * 2",
    ),
    case(
        "two sizes that are only known in a run, of which one is 1",
        [leaf("x", np.arange(8.0).reshape(4, 2), named=True)],
        "y = x[-2:, 0]",
        "v = y - np.diff(y)",
    ),
    case(
        "a reshape of a strided view of a constant",
        [leaf("c", np.arange(9.0).reshape(3, 3), "constant")],
        "y = c[::2, None, ::2]",
        "z = np.append(y, y)",
        "v = np.max(z, axis=-1)",
        outputs=("v", "y"),
    ),
    case(
        "axes of a size from values",
        [leaf("x", [[1.0, -2.0, 3.0]])],
        "n = np.flatnonzero(x > 0)",
        "v = n - np.ones((1, 1))",
        "w = np.transpose(n[:, None]) + 1.0",
        outputs=("v", "w"),
    ),
    case(
        "a loss of what is filled with a number",
        [leaf("p", np.ones(6), "parameter", "f2")],
        "y = np.full_like(p, 2.0)",
        "v = fg.BinaryCrossEntropy.apply(y, (y > 0).astype(y.dtype))",
    ),
    case(
        "new values that are joined, and then read by the next update",
        [leaf("e", np.zeros((0, 3)), "parameter"), leaf("p", [1.0] * 3, "parameter"),
         leaf("q", np.ones((3, 2)), "parameter")],
        "v = (e == p)",
        outputs=("v", "q", "p"),
    ),
    case(
        "a derivative that is not implemented, behind what no gradient passes",
        [leaf("p", [1.0, 0.5, 1.0], "parameter")],
        "v0 = special.gammainc(p, p)",
        "v1 = np.logical_and(v0, v0)",
        "v2 = np.arctan(v1)",
    ),
    case("the place of the smallest of nothing but NaN", [leaf("x", [[np.nan, 1.0], [np.nan] * 2])],
         "v = np.nanargmin(x, axis=1)"),
    case("the same where one line has a number", [leaf("x", [[np.nan, 1.0], [-np.inf, np.nan]])],
         "v = np.nanargmax(x, axis=1)"),
    case("the sign of a NaN", [leaf("x", [np.nan, 0.0, -2.0])], "v = np.signbit(x * 0.5 - x)"),
    case(
        "a product of an array with itself, added to that array",
        [leaf("x", [1.0, -0.5, 2.0], "input", "f4")],
        "v = x[..., None] + x",
        "w = v @ v + v",
        outputs=("w",),
    ),
    case("the gradient of a product without axes", [leaf("x", [1.0, 2.0], "parameter")],
         "v = np.tensordot(x, x, axes=[[0], [0]])"),
    case("a power that NumPy computes as a root", [leaf("p", [-np.inf, -0.0, 4.0], "parameter")], "v = p ** 1.5",
         "w = p ** 0.5", outputs=("v", "w")),
    case("the same of a number", [leaf("p", -np.inf, "parameter")], "v = p ** 0.5"),
    case("a loss of float32 that its targets widen",
         [leaf("i", [0.5, -1.3, 2.0], "input", "f4"), leaf("t", [1.0, 0.0, 1.0])],
         "v = fg.BinaryCrossEntropy.apply(i, t)"),
    case("the sign of a parameter that became NaN", [leaf("p", -0.0, "parameter")], "v = (p * p) / p",
         "w = np.signbit(p)", outputs=("w", "v")),
    case("an array and its transposed view in one chain of tiles", [leaf("p", np.ones((3, 3)), "parameter", "f4")],
         "v0 = p.T @ p", "v1 = v0.T", "v2 = np.multiply(v1, v0)"),
    case("a size that depends on values, broadcast to a number", [leaf("p", [1.0, -0.5, 1.0], "parameter", "f4")],
         "v0 = np.nonzero(p > 0)[0]", "v1 = v0.astype(np.float64)", "v2 = np.broadcast_to(v1, (2,))"),
    case("a gradient of infinity into a window", [leaf("x", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), leaf("c", np.inf)],
         "v = fg.MaxPool.apply(x[None, None], size=2) * c"),
    case("a stack of one product of one row and one column", [leaf("a", [[1.0, 2.0, 3.0]]), leaf("b", [[1.0]] * 3)],
         "v = np.sum(np.stack([a, 0.5 * a, a], 1) @ b, axis=1)"),
    case("a square that overflows in float32", [leaf("x", [[0.0, 3.4e38], [2.0, 1.8e19]], "input", "f4")],
         "v = np.std(x, axis=None, keepdims=True)"),
    case("an array and what np.flipud makes of it in one chain of tiles", [leaf("p", np.ones((3, 3)), "parameter")],
         "v0 = p @ p + p", "v1 = np.flipud(v0)", "v2 = fg.SquaredError.apply(v1, v0)"),
    case("an input of float16 that nothing reads", [leaf("i", [1.0, 2.0], "input", "f2")], "v = np.isreal(i)"),
    case("a sine in float32", [leaf("p", [[1.0, 3.0, 7.0]], "parameter", "f4")], "v = np.sinc(p)"),
    case("the shape of what cannot be computed", [leaf("x", [1.0, 2.0], named=True)], "v = np.max(2 * x, axis=-1)",
         "w = np.ones_like(v) * x"),
    case("a section of a new value that is less than a parameter", [leaf("p", np.ones((2, 3)), "parameter", "f4")],
         "v0 = p * -1", "v1 = np.diff(v0, axis=0)"),
    case("a product of float32 that overflows, and a number of float64", [
        leaf("a", [[1e30, 1.0]], dtype="f4"), leaf("b", [[1e30], [1.0]], dtype="f4"), leaf("c", [1.0])
        ], "v = fg.Affine.apply(a, b, c)"),
    case("NaN is false in JavaScript", [leaf("p", [[-1.0, np.nan, 0.0]], "parameter", "f4")], "v = np.sinc(p)"),
    case("a whole number that JavaScript has not", [leaf("i", [97, 0], dtype="i8")], "v = np.reciprocal(i)"),
    case("the fraction of a whole number below 0", [leaf("c", [-3.0, -0.0], "constant"), leaf("p", 1.0, "parameter")],
         "v = 1 / np.modf(c)[0] * p"),
    case("a number that one function of Numba only reads", [leaf("p", 1.0, "parameter")], "v = np.logical_and(p, p)"),
]  # fmt: skip
