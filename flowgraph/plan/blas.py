"""What NumPy does not offer of its BLAS: a matrix product added to what a buffer holds, and the number of threads."""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.box.leaves import new_lock

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
        gemm = getattr(library, name.format(letter), None)
        if gemm is not None:
            pointer = ctypes.c_void_p
            gemm.argtypes = (
                [ctypes.c_int] * 3
                + [integer] * 3
                + [number, pointer, integer, pointer, integer, number, pointer, integer]
            )
            gemm.restype = None
            if _is_right(gemm, dtype):
                return gemm  # type: ignore[no-any-return]
    return None


@functools.cache
def _thread_functions() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """How the library is asked for its number of threads, and told it; None where it is not OpenBLAS."""
    try:
        library = ctypes.CDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)
    except (OSError, ImportError, AttributeError):
        return None
    for name in ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads"):
        count, change = getattr(library, name.format("get"), None), getattr(library, name.format("set"), None)
        if count is not None and change is not None:
            count.restype, count.argtypes = ctypes.c_int, []
            change.restype, change.argtypes = None, [ctypes.c_int]
            return count, change
    return None


class _OneThread:
    """Holds products at one thread while any thread is inside: the number belongs to the whole process.

    Who comes in first keeps the number that there was, and who leaves last sets it again.
    """

    def __init__(self) -> None:
        self.lock = new_lock()
        self.inside = 0
        self.before = 1

    def __enter__(self) -> None:
        functions = _thread_functions()
        with self.lock:
            if not self.inside and functions is not None:
                self.before = functions[0]()
                if self.before != 1:
                    functions[1](1)
            self.inside += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self._restore()

    def _restore(self) -> None:
        functions = _thread_functions()
        if functions is not None and self.before != 1:
            functions[1](self.before)

    def leave_in_child(self) -> None:
        """In a process forked meanwhile, nobody is inside."""
        self.lock = new_lock()
        if self.inside:
            self.inside = 0
            self._restore()


one_thread = _OneThread()
"""Around lines whose products run beside those of other threads of the plan: each in one thread of BLAS."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=one_thread.leave_in_child)


def integer_bits(dtype: np.dtype[Any]) -> int:
    """Bits of the integers that the routine takes; 0 where it is not found."""
    function: Any = routine(dtype)
    return 0 if function is None else 8 * ctypes.sizeof(function.argtypes[3])


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
