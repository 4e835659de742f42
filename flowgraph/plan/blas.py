"""The one routine of BLAS that NumPy does not offer: a matrix product added to what a buffer holds."""

from __future__ import annotations

import ctypes
import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Array

ROWS, PLAIN, TRANSPOSED = 101, 111, 112
"""What BLAS calls the layout of all matrices, and whether one is transposed."""

_NAMES = (
    ("scipy_cblas_{}gemm64_", ctypes.c_int64),
    ("cblas_{}gemm64_", ctypes.c_int64),
    ("cblas_{}gemm", ctypes.c_int),
)
"""What builds of NumPy call it, and the integers that it takes."""

Routine = Callable[..., None]


@functools.cache
def routine(dtype: np.dtype[Any]) -> Routine | None:
    """gemm for float32 or float64 from the library that NumPy itself is linked to; None where it is not found.

    It is believed only after it has multiplied two matrices rightly.
    """
    kinds: dict[np.dtype[Any], tuple[str, Any]] = {
        np.dtype(np.float32): ("s", ctypes.c_float), np.dtype(np.float64): ("d", ctypes.c_double)
    }  # fmt: skip
    if dtype not in kinds:
        return None
    letter, number = kinds[dtype]
    try:
        library = ctypes.CDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)
    except (OSError, ImportError, AttributeError):  # NumPy built into the interpreter, or laid out in another way
        return None
    for name, integer in _NAMES:
        found = getattr(library, name.format(letter), None)
        if found is not None:
            pointer = ctypes.c_void_p
            found.argtypes = (
                [ctypes.c_int] * 3
                + [integer] * 3
                + [number, pointer, integer, pointer, integer, number, pointer, integer]
            )
            found.restype = None
            if _is_right(found, dtype):
                return found  # type: ignore[no-any-return]
    return None


@functools.cache
def _thread_counter() -> Callable[[], int] | None:
    """What the library says of its threads; None where it is not asked for as OpenBLAS is."""
    try:
        library = ctypes.CDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)
    except (OSError, ImportError, AttributeError):
        return None
    for name in ("scipy_openblas_get_num_threads64_", "openblas_get_num_threads64_", "openblas_get_num_threads"):
        found = getattr(library, name, None)
        if found is not None:
            found.restype = ctypes.c_int
            return found  # type: ignore[no-any-return]
    return None


def count_threads() -> int:
    """Threads that a product may use now; 1 where the library does not say."""
    counter = _thread_counter()
    return 1 if counter is None else counter()


def integer_bits(dtype: np.dtype[Any]) -> int:
    """Bits of the integers that the routine takes; 0 where it is not found."""
    found: Any = routine(dtype)
    return 0 if found is None else 8 * ctypes.sizeof(found.argtypes[3])


def _is_right(gemm: Routine, dtype: np.dtype[Any]) -> bool:
    a, b = (np.arange(6, dtype=dtype).reshape(shape) + 1 for shape in ((2, 3), (3, 2)))
    out = np.full((2, 2), 5, dtype)
    _call(gemm, a, b, out, out.ctypes.data)
    return bool((out == 5 + a @ b).all())


def accumulator(out: Array) -> Callable[[Array, Array], None]:
    """A function of two matrices that adds their product to `out`, a buffer in rows."""
    gemm = routine(out.dtype)
    address = out.ctypes.data

    def accumulate(a: Array, b: Array) -> None:
        if gemm is None or not (_is_plain(a) and _is_plain(b)):
            np.add(out, a.dot(b), out)
        else:
            _call(gemm, a, b, out, address)

    return accumulate


def _is_plain(a: Array) -> bool:
    """Whether a matrix lies in rows or in columns, without gaps, as gemm takes it."""
    return a.flags.c_contiguous or a.flags.f_contiguous


def _call(gemm: Routine, a: Array, b: Array, out: Array, address: int) -> None:
    rows, columns = out.shape
    in_rows, between = a.flags.c_contiguous, a.shape[1]
    b_in_rows = b.flags.c_contiguous
    gemm(
        ROWS, PLAIN if in_rows else TRANSPOSED, PLAIN if b_in_rows else TRANSPOSED, rows, columns, between,
        1.0, a.__array_interface__["data"][0], between if in_rows else rows,
        b.__array_interface__["data"][0], columns if b_in_rows else between, 1.0, address, columns,
    )  # fmt: skip
