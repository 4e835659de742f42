"""Shape, dtype and value of what boxes compute are NumPy's: on the graph, under a plan, and in a file that is loaded.

Every ufunc and operator, every pair of dtypes, reductions, products, numbers of Python and of NumPy, numbers of no
axis and arrays of none; a sample has some of the cells, FLOWGRAPH_THOROUGH=1 tries all.
"""

from __future__ import annotations

import itertools
import types
from functools import partial

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.numpy_dispatch import builder_of, implemented
from flowgraph.boxes.special.scipy_special import special as scipy_special
from flowgraph.errors import UsageError
from tests.boxes import dtype_rules as rules
from tests.boxes.dtype_rules import DTYPES, FINITE, NUMBERS, NUMPYS, Boxed, attempt
from tests.seed import share_of_tree
from tests.values import SPECIAL

LONG = (np.dtype(np.longdouble), np.dtype(np.clongdouble))
"""What no file of safetensors holds."""

ULPS = 8
"""Units in the last place by which what is summed, or computed under a plan, may differ."""

EXACT = {
    name
    for name, ufunc in (rules.ONE | rules.TWO).items()
    if not isinstance(builder_of(ufunc), types.FunctionType)  # which composes it of others
}
"""Functions whose every bit is NumPy's, but under a plan, and the sign of each zero."""


def _pairs(of, name):
    return {f"{name} {one} {other}": lambda one=one, other=other: of(one, other)
            for one, other in itertools.product(DTYPES, DTYPES)}  # fmt: skip


def _numbered(functions, name, numbers, of=rules.edges):
    return {f"{name} {dtype} {n!r}": lambda dtype=dtype, n=n: rules.with_number(functions, dtype, n, of)
            for dtype, n in itertools.product(DTYPES, numbers)}  # fmt: skip


CELLS = {
    "unary": (4, {f"unary {dtype}": lambda dtype=dtype: rules.of_one(rules.ONE, dtype) for dtype in DTYPES}),
    "reductions": (4, {f"total {dtype}": lambda dtype=dtype: rules.of_one(rules.TOTALS, dtype) for dtype in DTYPES}),
    "pairs": (128, _pairs(lambda one, other: rules.of_two(rules.TWO, one, other), "pair")),
    "products": (64, _pairs(rules.of_products, "product")),
    "numbers": (128, _numbered(rules.TWO, "number", NUMBERS + NUMPYS)),
    "arguments": (64, _numbered(rules.WITH, "argument", (*FINITE, np.inf, *NUMPYS), rules.small)),
    "dtypes": (64, _numbered(rules.INTO, "into", DTYPES, rules.small)),
    "chains": (64, _numbered(rules.CHAINS, "chain", FINITE)),
}
"""Of each kind the cells by name, and which share of them a sample has."""


ALWAYS = (
    "total bool",
    "number bool 2",
    "number int8 2.0",
    "argument int8 200",
    "argument bool inf",
    "into int8 uint8",
    "chain bool 2",
)
"""Cells that are always tried: small dtypes, in which a wrong one shows."""


def drawn(cells, one_in):
    """Some of the cells, by the seed of the tree."""
    return sorted({*share_of_tree(cells, one_in), *(cell for cell in ALWAYS if cell in cells)})


class Leaves(dict):
    """The input that stands for each array."""

    def __missing__(self, one):
        self[one] = fg.Input(f"x{len(self)}", shape=one.array.shape, dtype=one.array.dtype)
        return self[one]

    def feeds(self, graph):
        return {leaf: one.array for one, leaf in self.items() if leaf in graph}


def on_the_graph(boxes, leaves, folder):
    graph = fg.Graph(*boxes)
    run = graph.fprop(leaves.feeds(graph))
    return [run[box] for box in boxes]


def under_a_plan(boxes, leaves, folder):
    return fg.compile(list(boxes))(leaves.feeds(fg.Graph(*boxes)))


def in_a_loaded_file(boxes, leaves, folder):
    graph = fg.Graph(*boxes)
    feeds = {graph.names[leaf]: array for leaf, array in leaves.feeds(graph).items()}
    return fg.load(fg.save(folder / "graph.safetensors", graph)).fprop(feeds).outputs


def of_boxes(results, compute):
    """The results of a call with values in the place of boxes."""
    boxes = [one for one in results if isinstance(one, fg.Box)]
    values = iter(compute(boxes) if boxes else [])
    return [next(values) if isinstance(one, fg.Box) else one for one in results]


def together(calls, compute):
    """The outcome of each call: of all in one graph, of what NumPy refuses each alone."""
    every = attempt(lambda: of_boxes([one for _, needed, made in calls if not needed.error for one in made], compute))
    values = iter(every.results)
    return [
        attempt(lambda made=made: of_boxes(made, compute)) if needed.error or every.error
        else attempt(lambda made=made: [next(values) for _ in made])
        for _, needed, made in calls
    ]  # fmt: skip


def difference(call, found, needed, exact):
    """What differs between two values, None if nothing does."""
    found, needed = np.asarray(found), np.asarray(needed)
    if (found.shape, found.dtype) != (needed.shape, needed.dtype):
        return f"{found.dtype}{found.shape}"
    if needed.dtype.kind not in "fc":
        return None if np.array_equal(found, needed) else repr(found)
    arrays = [one.array for one in call.operands if isinstance(one, Boxed) and not exact]
    eps = max(np.finfo(a.dtype).eps for a in (needed, *arrays) if a.dtype.kind in "fc")
    with np.errstate(all="ignore"):
        scale = max([np.abs(a[np.isfinite(a)]).max(initial=0).astype(float) for a in arrays], default=0.0)
        bound = ULPS * eps * np.maximum(np.abs(needed), scale) * (not exact)
        near = (found == needed) | (np.isnan(found) & np.isnan(needed)) | (np.abs(found - needed) <= bound)
    if needed.dtype.kind == "c" and not exact:  # which parts of a product are infinite, and which NaN, is its order's
        near |= ~np.isfinite(found) & ~np.isfinite(needed)
    if not near.all():
        return repr(found)
    if exact and needed.dtype.kind == "f" and (np.signbit(found) != np.signbit(needed))[needed == 0].any():
        return f"{found!r}, with zeros of other signs"
    return None


def refusals(call, needed, error):
    """What is wrong with a refusal, None if it is NumPy's too or follows a rule."""
    if needed.error is not None:
        right = isinstance(error, fg.FlowgraphError) or type(error) is type(needed.error)
    else:
        right = rules.may_refuse(call, needed, error)
    return None if right else f"{call}: {type(error).__name__}: {error}; NumPy: {needed}"


def built(calls, leaves, wrong):
    """The calls for which boxes can be built, of the right shapes and dtypes."""
    for call in calls:
        needed = attempt(lambda call=call: call.of(lambda boxed: boxed.array))
        made = attempt(lambda call=call: call.of(leaves.__getitem__))
        if made.error is not None:
            wrong.append(refusals(call, needed, made.error))
            continue
        found = [(one.shape, one.dtype) if isinstance(one, fg.Box) else None for one in made.results]
        wanted = [(np.shape(one), np.asarray(one).dtype) for one in needed.results]
        if needed.error is None and any(one not in (None, two) for one, two in zip(found, wanted, strict=True)):
            wrong.append(f"{call}: built of {found}, NumPy: {wanted}")
        else:
            yield call, needed, made.results


def differences(calls, folder):
    """Every difference between NumPy and boxes, on every path."""
    leaves, wrong = Leaves(), []
    kept = list(built(calls, leaves, wrong))
    for path in (on_the_graph, under_a_plan, in_a_loaded_file):
        fit = [one for one in kept if path is not in_a_loaded_file or not no_file_holds(one)]
        answers = together(fit, lambda boxes, path=path: path(boxes, leaves, folder))
        for (call, needed, _), outcome in zip(fit, answers, strict=True):
            where = path.__name__.replace("_", " ")
            if outcome.error is not None:
                text = refusals(call, needed, outcome.error)
            elif needed.error is not None:
                text = None if rules.may_answer(call, outcome.results, needed.error) else f"{call}: {outcome}; {needed}"
            else:
                exact = call.name in EXACT and path is not under_a_plan
                texts = [difference(call, *two, exact) for two in zip(outcome.results, needed.results, strict=True)]
                text = next((f"{call}: {one}; NumPy: {needed}" for one in texts if one), None)
            wrong.append(text and f"{where}, {text}")
    return [one for one in wrong if one]


def no_file_holds(kept):
    """Whether a graph holds a number that no file can hold, which `fg.save` refuses: see the test below."""
    boxes = [one for one in kept[2] if isinstance(one, fg.Box)]
    inside = [box for box in fg.Graph(*boxes) if not isinstance(box, fg.Input)] if boxes else []
    settings = [value for box in inside for value in box.setting_values().values() if type(value) is int]
    return any(box.dtype in LONG for box in inside) or any(value >= 2**63 for value in settings)


@pytest.mark.sampled(one_in=1)  # of what is drawn here
@pytest.mark.parametrize("cell", [name for one_in, cells in CELLS.values() for name in drawn(cells, one_in)])
def test_what_boxes_compute_is_what_numpy_computes(cell, tmp_path):
    calls = next(cells[cell] for _, cells in CELLS.values() if cell in cells)()
    wrong = differences(calls, tmp_path)
    assert not wrong, f"{len(wrong)} of {len(calls)} calls:\n" + "\n".join(wrong[:8])


@pytest.mark.parametrize("dtype", LONG)
def test_numbers_that_no_file_holds_are_refused_when_it_is_written(dtype, tmp_path):
    x = fg.Input("x", shape=(2,), dtype=dtype)
    with pytest.raises(UsageError, match="which safetensors cannot hold; convert it"):
        fg.save(tmp_path / "graph.safetensors", x * np.ones(2, dtype))
    with pytest.raises(UsageError, match="needs an integer of 64 bits; give a float"):
        fg.save(tmp_path / "graph.safetensors", x**2**63)


def _ufunc_of(function):
    """A ufunc of NumPy, or that of scipy.special of this name."""
    named = SPECIAL and isinstance(function, str) and function.startswith("scipy.special.")
    found = getattr(scipy_special(), function.removeprefix("scipy.special."), None) if named else function
    return found if isinstance(found, np.ufunc) else None


OF_TWO = {
    ufunc.__name__: ufunc
    for ufunc in map(_ufunc_of, implemented())
    if ufunc is not None and (ufunc.nin, ufunc.nout, ufunc.signature) == (2, 1, None)
}
OF_TWO = {name: ufunc for name, ufunc in OF_TWO.items() if name not in ("expn", "yn")}  # of whole orders


@pytest.mark.parametrize("name", sorted(OF_TWO))
def test_a_gradient_is_as_exact_as_the_result_whatever_the_dtype_of_the_other_operand(name):
    """No step of a bprop is computed in the dtype of a narrow child, int8 or float16, where the result is float64."""
    ufunc = OF_TWO[name]
    rng = np.random.default_rng(0)
    for narrow, side in itertools.product(("bool", "int8", "uint8", "int16", "float16", "float32"), (0, 1)):
        operands = [rng.uniform(1.1, 3, 4) for _ in range(2)]
        operands[side] = (operands[side] if "float" in narrow else np.array([1, 2, 3, 2])).astype(narrow)
        grads = []
        for a in (operands, [one.astype(float) for one in operands]):
            x = fg.Parameter(a[1 - side], name="x")
            try:
                h = ufunc(*(x if i != side else fg.Constant(one) for i, one in enumerate(a)))
                grads += [fg.Graph(fg.sum(h)).fprop().bprop(unused="zeros")[x]] if h.dtype == float else []
            except fg.FlowgraphError:  # not for operands of these dtypes, or without a gradient
                pass
        if len(grads) == 2:
            np.testing.assert_allclose(*grads, rtol=1e-12, atol=1e-12, err_msg=f"{name} beside {narrow}")


def _interpolated(x, xp, fp):
    return np.interp(x, np.sort(xp), fp)


OF_MANY = {
    "einsum ij,k->k": (partial(np.einsum, "ij,k->k"), ((3, 4), (2,))),
    "einsum ij,j->": (partial(np.einsum, "ij,j->"), ((3, 4), (4,))),
    "einsum ij,ik,i->": (partial(np.einsum, "ij,ik,i->"), ((3, 4), (3, 2), (3,))),
    "matmul": (np.matmul, ((3, 4), (4, 2))), "tensordot": (np.tensordot, ((3, 2, 4), (2, 4, 5))),
    "inner": (np.inner, ((3, 4), (2, 4))), "outer": (np.outer, ((3,), (4,))), "kron": (np.kron, ((3,), (4,))),
    "interp": (_interpolated, ((5,), (4,), (4,))), "convolve": (np.convolve, ((5,), (3,))),
}  # fmt: skip


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("name", OF_MANY)
def test_values_and_gradients_of_products_are_not_of_a_narrow_operand(name, side):
    """Sums of an int8 operand by itself, which an optimised order of products makes, would wrap around."""
    function, shapes = OF_MANY[name]
    rng = np.random.default_rng(0)
    for narrow in ("bool", "int8", "uint8", "float16", "float32"):
        operands = [rng.uniform(1, 2, shape) for shape in shapes]
        operands[side] = (operands[side] * (60 if "int" in narrow else 1)).astype(narrow)
        found, needed = [], []
        for results, dtype in ((found, None), (needed, np.float64)):
            given = [one.astype(dtype or one.dtype) for one in operands]
            leaves = [fg.Constant(one) if i == side else fg.Parameter(one) for i, one in enumerate(given)]
            h = function(*leaves)
            run = fg.Graph(h, fg.sum(h)).fprop()
            results.append(run[h])
            grads = run.bprop({h: np.ones(h.shape)}, unused="zeros")
            results += [grads[leaf] for i, leaf in enumerate(leaves) if i != side]
        for one, other in zip(found, needed, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, err_msg=f"{name} of {narrow}")
