"""The source of a native plan run by Python itself, slowly: what Numba compiles is proved without waiting for Numba."""

from __future__ import annotations  # of what is run here too: annotations are not evaluated

import ctypes
import math

import numpy as np

from flowgraph.plan.numba.machine import ALWAYS, NUMBERS


def kernel_in_python(text, types, ufuncs=(), of_math=(), name="kernel"):
    """Stands for `flowgraph.plan.numba.compiling.compiled_kernel`."""
    kernel = run_by_python(text, name, ufuncs, of_math)
    kinds = [np.asarray if "[" in one else np.dtype(one).type for one in types]
    return lambda *given: kernel(*[kind(one) for kind, one in zip(kinds, given, strict=True)])


def run_by_python(text, name, ufuncs, of_math=()):
    """The function of that name in a text, with what it calls in Python."""
    space = {"np": np, "inf": math.inf, "nan": math.nan, "erf": math.erf, "erfc": math.erfc}
    space |= {one: np.dtype(one).type for one in NUMBERS}
    space |= {ufunc.__name__: ufunc for ufunc in {*ufuncs, *ALWAYS}}
    space |= {"pointer": Pointer}
    space |= {"largest": np.maximum, "smallest": np.minimum, "hide_size": int}
    space |= {"plus": lambda a, b: a + b, "plus_product": lambda total, a, b: total + a * b}
    space |= {"product": product, "add_product": add_product}
    space |= {one: getattr(np, one) for one in of_math}  # where Python raises an error, Numba gives what NumPy does
    exec(text, space)

    def step(*arguments):
        with np.errstate(all="ignore"):
            return space[name](*arguments)

    return step


class Pointer:
    """Numbers of one dtype from an address on, of which none knows how many there are."""

    def __init__(self, address, number):
        self.address, self.number = int(address), np.dtype(number)

    def __iter__(self):
        return iter((self.address, self.number))

    def _element(self, place):
        size = self.number.itemsize
        return np.frombuffer((ctypes.c_char * size).from_address(self.address + int(place) * size), self.number)

    def __getitem__(self, place):
        return self._element(place)[0]

    def __setitem__(self, place, value):
        self._element(place)[0] = value


def array_at(pointer, shape):
    """The array of that shape which begins at an address."""
    address, number = pointer
    size = int(np.prod(shape)) * np.dtype(number).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(int(address)), number).reshape(shape)


def product(_, one, sizes, a, b, out):
    """The product of matrices at addresses, as gemm takes them."""
    target, left, right = matrices(one, sizes, a, b, out)
    target[...] = left @ right


def add_product(_, one, sizes, a, b, out):
    """The product added to what is there."""
    target, left, right = matrices(one, sizes, a, b, out)
    target += left @ right


def matrices(one, sizes, a, b, out):
    """The matrices at addresses: the result, and the factors."""
    rows, columns, between = sizes

    def matrix(address, step, turned, shape):
        high, low = shape[::-1] if turned else shape
        flat = array_at((address, type(one)), ((high - 1) * step + low,))
        found = np.lib.stride_tricks.as_strided(flat, (high, low), (step * flat.itemsize, flat.itemsize))
        return found.T if turned else found

    return matrix(*out, (rows, columns)), matrix(*a, (rows, between)), matrix(*b, (between, columns))


def is_native(plan):
    """Whether the function that ran last is native."""
    return plan.last is not None and plan.last.emitter.name == "numba"
