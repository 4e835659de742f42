"""Shape and dtype of a box: by its signature, or by its fprop, tried on small arrays of several sizes; axes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from flowgraph.box.node import Node
from flowgraph.box.results import refuse_writing
from flowgraph.errors import DtypeError, FlowgraphError, UsageError
from flowgraph.shapes.size import Shape, evaluate, fit
from flowgraph.shapes.spec import Signature, Spec, sample, shape_text

_SIZES = (6, 12, 4, 24, 8, 60, 2, 5, 3, 7, 1)
"""Numbers that stand for named sizes in trials: first some with many divisors, as boxes split and reshape axes."""

_cache: dict[Hashable, Any] = {}
_LARGEST_CACHE = 4096
"""Results of trials that are kept, some hundred bytes each: a few megabytes at most."""

LARGEST_TRIAL = 1 << 24
"""Elements of the children on which a box from a file is tried at most."""

_left: ContextVar[list[int] | None] = ContextVar("flowgraph_trials_left", default=None)


@contextmanager
def bounded_trials(elements: int) -> Iterator[None]:
    """Try boxes on so many elements in all, and none on more than `LARGEST_TRIAL`, as is done for those of a file."""
    token = _left.set([elements])
    try:
        yield
    finally:
        _left.reset(token)


def read_spec(box: Node, inferred: object) -> Spec:
    """What an `infer` returned as a Spec, whose dtype may be given as a type, np.float32."""
    if isinstance(inferred, Spec):
        try:
            return inferred._replace(dtype=np.dtype(inferred.dtype))
        except TypeError:
            pass
    raise UsageError(
        f"{box.title}: infer returned {inferred!r}, needs fg.Spec(shape, dtype), or a tuple of as many as it has "
        f"outputs\n  built at {box.built_at}"
    )


def small_shape(ndim: int) -> Shape:
    """A shape of so many axes for a trial: two elements along each of the first ones, few elements in all."""
    return (2,) * min(ndim, 8) + (1,) * (ndim - 8)


def try_dtypes(
    box: Node, known: tuple[Any, ...], small: Callable[[], Iterable[Spec]], signature: Signature | None = None
) -> Any:
    """The dtype of each output, from a trial on the few elements of `small()`; kept for children `known` like these.

    There is one output, or those of a signature, which says their shapes too.
    """
    return _compute_once(box, known, lambda *_: [part.dtype for part in _trial(box, small(), {}, signature, one=True)])


def try_fprop(box: Node, specs: Sequence[Spec]) -> Spec | tuple[Spec, ...]:
    """Shape and dtype of the value, from trials on arrays of several sizes for each name."""
    result: Spec | tuple[Spec, ...] = _compute_once(box, tuple(specs), _from_trials)
    return result


def _compute_once(box: Node, known: tuple[Any, ...], compute: Callable[[Node, tuple[Any, ...]], Any]) -> Any:
    settings = [getattr(box, name) for name in box.settings]
    key = (type(box), known, *settings, *map(type, settings))
    try:
        result = _cache.get(key)
    except TypeError:  # a setting that cannot be hashed, such as an array
        return compute(box, known)
    if result is None:
        if len(_cache) >= _LARGEST_CACHE:
            _cache.clear()
        result = _cache[key] = compute(box, known)
    return result


def _from_trials(box: Node, specs: Sequence[Spec]) -> Spec | tuple[Spec, ...]:
    names = sorted({name for spec in specs for size in spec.shape if not isinstance(size, int) for name in size.names})
    if not names:
        specs_of_value = tuple(Spec(value.shape, value.dtype) for value in _trial(box, specs, {}))
        return specs_of_value if len(specs_of_value) > 1 else specs_of_value[0]
    samples, failure = [], None
    for trial in range(len(_SIZES)):
        # Each name goes through the 11 sizes at a pace of its own, from a start of its own: 11 is prime, so two names
        # meet every difference, and a size of the value that follows one of them is not taken to follow the other.
        sizes = {name: _SIZES[(trial * (i + 1) + 3 * i) % len(_SIZES)] for i, name in enumerate(names)}
        try:
            samples.append((sizes, _trial(box, specs, sizes)))
        except Exception as error:  # a box may refuse some sizes, such as those that it cannot split
            failure = failure or error
    if not samples:
        assert failure is not None
        raise failure
    return _fit_outputs(box, samples)


def _fit_outputs(box: Node, samples: Sequence[tuple[Mapping[str, int], list[Any]]]) -> Spec | tuple[Spec, ...]:
    """The sizes of the values as polynomials of the names."""
    _, first = samples[0]
    if any([v.ndim for v in values] != [v.ndim for v in first] for _, values in samples):
        raise box.shape_error("the number of axes of the value changes with the sizes of the children")
    specs = tuple(
        Spec(
            tuple(fit([(sizes, values[i].shape[axis]) for sizes, values in samples]) for axis in range(value.ndim)),
            value.dtype,
        )
        for i, value in enumerate(first)
    )
    return specs if len(specs) > 1 else specs[0]


def _trial(
    box: Node, specs: Iterable[Spec], sizes: Mapping[str, int], signature: Signature | None = None, one: bool = False
) -> list[Any]:
    """The parts of the value of ones: `one`, or those of a signature, where it is said how many there are."""
    arrays = [sample(tuple(evaluate(s, sizes) for s in spec.shape), spec.dtype) for spec in specs]
    if (left := _left.get()) is not None:
        _spend(left, box, sum(array.size for array in arrays))
    try:
        with np.errstate(all="ignore"):
            value = box.fprop(*arrays)
    except Exception as error:
        refuse_writing(box, "fprop", error)
        refused = box.shape_error(f"fprop does not take these children ({type(error).__name__}: {error})")
        if isinstance(error, TypeError) and not isinstance(error, FlowgraphError):
            dtypes = ", ".join(str(spec.dtype) for spec in specs)
            raise DtypeError(f"{refused}\n  dtypes {dtypes}; convert a child, .astype(...)") from error
        raise refused from error
    parts = [np.asarray(part) for part in (value if isinstance(value, tuple) else (value,))]
    return _as_declared(box, signature, arrays, parts) if one else parts


def _as_declared(box: Node, signature: Signature | None, arrays: Sequence[Any], parts: list[Any]) -> list[Any]:
    """The parts, if there are as many as a signature says, of the shapes that it says, or one where there is none."""
    shapes, given = tuple([part.shape for part in parts]), [array.shape for array in arrays]
    if _is_one(box, given, parts) if signature is None else shapes == signature.result(given, box.names_of_children()):
        return parts
    needed = 1 if signature is None else len(signature.outputs)
    found = f"{', '.join(map(shape_text, shapes))} for children of shape {', '.join(map(shape_text, given))}"
    if signature is None and len(parts) == 1:
        raise box.shape_error(f"fprop gives the shape {found}, needs one element for one; declare a signature or infer")
    if signature is None or len(parts) != needed:
        raise box.shape_error(
            f"fprop gives {len(parts)} arrays, {found}, needs {needed}; a box of several outputs is an fg.Box with a "
            f"signature of as many, with infer, or with neither"
        )
    promised = ", ".join(map(shape_text, signature.result(given, box.names_of_children())))
    raise box.shape_error(
        f"fprop gives the shape {found}, and the signature {signature.text} promises {promised}: axes in front of the "
        f"core axes broadcast; let fprop work along the last axes (axis=-1, a.mT), or declare infer in its place"
    )


def _is_one(box: Node, given: Sequence[Shape], parts: Sequence[Any]) -> bool:
    """Whether there is one output, which has one element where each child has one and no setting is an array."""
    if len(parts) != 1 or any(given) or parts[0].size == 1:
        return len(parts) == 1
    return any(isinstance(getattr(box, name), np.ndarray) for name in box.settings)


def _spend(left: list[int], box: Node, elements: int) -> None:
    left[0] -= elements
    if elements > LARGEST_TRIAL or left[0] < 0:
        raise UsageError(
            f"{box.title}: declares neither signature nor infer, and its fprop would be tried on {elements:,} "
            f"elements, more than a file may ask for; declare one of both in the class {type(box).__name__}"
        )


Axes = int | tuple[int, ...]
"""One axis or several, as a setting; `Axes | None` where None is all of them."""


def axes_of(box: Node, axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of an array of `ndim` axes, each once, from the front; the box is named where they do not exist."""
    try:
        return tuple(normalize_axis_tuple(axis, ndim))
    except (ValueError, TypeError, OverflowError) as error:
        raise box.shape_error(f"axis = {axis!r} does not fit: {error}") from None


def axis_of(box: Node, axis: Any, ndim: int) -> int:
    """One axis of an array of `ndim` axes, from the front."""
    if type(axis) is int and -ndim <= axis < ndim:
        return axis % ndim
    (place,) = axes_of(box, (axis,), ndim)
    return place


def is_of_number(ndim: int, axis: Any) -> bool:
    """Whether this is an axis that NumPy takes for what has none, as if it were a row of one: 0 or -1."""
    return not ndim and not np.ndim(axis) and axis in (0, -1)
