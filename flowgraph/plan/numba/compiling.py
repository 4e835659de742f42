"""Text becomes a function that Numba has compiled: of a whole plan, or of a kernel, kept on disk by its text."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.numba.cache import file_of
from flowgraph.plan.numba.exponentials import exponentials
from flowgraph.plan.numba.machine import ALWAYS, instructions, type_of
from flowgraph.plan.numba.numbers import NUMBERS
from flowgraph.plan.numba.products import products
from flowgraph.plan.numba.writing import Native

_numbers = itertools.count(1)


def compiled_text(
    text: str,
    name: str,
    arguments: Iterable[Any],
    ufuncs: Iterable[np.ufunc],
    of_math: Iterable[str] = (),
    **options: Any,
) -> Any:
    """The function of that name in a text: it returns an int64, and takes arguments of these types of Numba."""
    file = file_of(text)
    code = compile(text, f"<native plan {next(_numbers)}>" if file is None else str(file), "exec")
    numba: Any = importlib.import_module("numba")
    space: dict[str, Any] = {"inf": math.inf, "nan": math.nan, "erf": math.erf, "erfc": math.erfc, "dot": np.dot}
    space |= {("bool_" if one == "bool" else one): np.dtype(one).type for one in NUMBERS}
    space |= {ufunc.__name__: ufunc for ufunc in {*ufuncs, *ALWAYS}}
    space |= {"carray": numba.carray, "__name__": __name__, **instructions(), **products(), **exponentials()}
    space |= {one: getattr(math, one) for one in of_math}
    exec(code, space)
    signature = numba.int64(*arguments)
    for kept in (True, False) if file is not None else (False,):
        try:
            return numba.njit(signature, error_model="numpy", cache=kept, **options)(space[name])
        except Exception as error:  # whatever is wrong with a file on the disk, or with Numba
            reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    raise RefusedError(f"Numba does not compile the plan ({reason})")


def compiled(native: Native) -> Callable[..., int]:
    """The function of the address of the table, and of the arguments of a plan."""
    types = [importlib.import_module("numba").int64, *map(type_of, native.arguments)]
    return compiled_text(native.text, "step", types, native.functions)  # type: ignore[no-any-return]


@functools.lru_cache(256)
def compiled_kernel(
    text: str, types: tuple[str, ...], ufuncs: frozenset[np.ufunc] = frozenset(), of_math: tuple[str, ...] = ()
) -> Callable[..., int]:
    """The function of a kernel, which calls these ufuncs, and functions of `math`; other threads run while it does."""
    numba: Any = importlib.import_module("numba")
    arguments = [numba.from_dtype(np.dtype(one.rstrip("_"))) for one in types]
    return compiled_text(text, "kernel", arguments, ufuncs, of_math, nogil=True)  # type: ignore[no-any-return]
