"""Operators of boxes: they build what the ufuncs build, and so do the methods of ufuncs."""

import operator
import sys

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.node import line_of, users_instruction

x, n = fg.Input("x", shape=("N", 2)), fg.Input("n", shape=(2,), dtype=int)
TWO = {
    operator.add: np.add, operator.sub: np.subtract, operator.mul: np.multiply, operator.truediv: np.divide,
    operator.pow: np.power, operator.floordiv: np.floor_divide, operator.mod: np.remainder, operator.lt: np.less,
    operator.le: np.less_equal, operator.gt: np.greater, operator.ge: np.greater_equal, operator.eq: np.equal,
    operator.ne: np.not_equal,
}  # fmt: skip
OTHERS = {
    "box": n, "int": 3, "float": 0.5, "bool": True, "array": np.array([1.0, 2.0]), "NumPy's number": np.float32(3),
}  # fmt: skip
ON_THE_RIGHT = {np.less: np.greater, np.greater: np.less, np.less_equal: np.greater_equal}
ON_THE_RIGHT |= {np.greater_equal: np.less_equal, np.equal: np.equal, np.not_equal: np.not_equal}
"""What a comparison asks of the right side, where the left one cannot compare itself with a box."""


def shown(box):
    """Class, settings and children; a constant by its value."""
    children = [one.value.tolist() if isinstance(one, fg.Constant) else id(one) for one in box.children]
    dtypes = [one.dtype for one in (box, *box.children)]
    return type(box), box.setting_values(), children, dtypes, box.shape


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("function", TWO, ids=lambda function: function.__name__)
def test_an_operator_builds_what_the_ufunc_builds(function, other):
    ufunc = TWO[function]
    assert shown(function(x, other)) == shown(ufunc(x, other))


@pytest.mark.parametrize("other", [OTHERS[name] for name in ("box", "int", "float", "bool")], ids=type)
@pytest.mark.parametrize("function", TWO, ids=lambda function: function.__name__)
def test_an_operator_whose_right_side_is_the_box(function, other):
    ufunc = TWO[function]
    if ufunc in ON_THE_RIGHT and not isinstance(other, fg.Box):
        assert shown(function(other, x)) == shown(ON_THE_RIGHT[ufunc](x, other))
    else:
        assert shown(function(other, x)) == shown(ufunc(other, x))


@pytest.mark.parametrize("function", [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow])
def test_an_operator_in_place_builds_a_new_box(function):
    before = h = x * 1.0
    h = function(h, 2.0)
    assert h is not before
    assert h.children[0] is before
    assert before.children[0] is x


def test_a_product_of_matrices():
    w = fg.Parameter(np.ones((2, 3)), name="w")
    assert shown(x @ w) == shown(np.matmul(x, w))
    turned = x.T
    assert shown(np.ones((3, 2)) @ turned) == shown(np.matmul(np.ones((3, 2)), turned))


class Asked:
    """An array of another package, which wants to be asked first."""

    __array_ufunc__ = None

    def __radd__(self, other):
        return "asked"


def test_who_wants_to_be_asked_first_is_asked():
    assert x + Asked() == "asked"


def test_the_line_is_that_of_the_expression_each_time():
    lines = [(x + 1.0, x * 2.0)[i % 2].built_at for i in range(4)]
    assert lines[0] == lines[2] != lines[1] == lines[3]
    first = x + 1.0
    second = x + 1.0
    assert second.built_at.number == first.built_at.number + 1


def test_code_that_is_gone_lends_its_line_to_no_other():
    found = []
    for number in range(60):  # code that comes to stand where other code stood
        space = {"line_of": line_of, "here": users_instruction}
        exec(compile("\n" * number + "line = line_of(*here())", f"<code {number}>", "exec"), space)
        found.append(space["line"])
        del space
    assert [(line.path, line.number) for line in found] == [(f"<code {i}>", i + 1) for i in range(60)]


def test_of_a_stack_that_ends_before_the_users_code_the_outermost_is_told():
    outermost = sys._getframe()
    while outermost.f_back is not None:
        outermost = outermost.f_back
    assert users_instruction(10**6)[0] is outermost.f_code


BINARY = [f for f in vars(np).values() if isinstance(f, np.ufunc) and f.nin == 2 and f.nout == 1 and not f.signature]
FOLDED = {np.add, np.multiply, np.maximum, np.minimum, np.logical_and, np.logical_or}
"""The ufuncs whose methods boxes stand for; `outer` of any builds boxes."""
KEYWORDS = [{}, {"axis": 1}, {"axis": -1}, {"dtype": np.float64}, {"dtype": bool}, {"axis": 0, "keepdims": True}]


@pytest.mark.parametrize("method", ["reduce", "accumulate", "outer"])
@pytest.mark.parametrize("ufunc", sorted({*BINARY}, key=str), ids=lambda ufunc: ufunc.__name__)
def test_a_method_of_a_ufunc_gives_the_numbers_of_numpy_or_is_refused(ufunc, method):
    for values in (np.array([[0.5, 2.0, 1.5], [3.0, 0.0, 1.0]]), np.array([[1, 0, 3], [2, 2, 5]])):
        x = fg.Input("x", shape=values.shape, dtype=values.dtype)
        for keywords in KEYWORDS if method != "outer" else [{}]:
            more = (values[0],) if method == "outer" else ()
            try:
                with np.errstate(all="ignore"):
                    needed = getattr(ufunc, method)(values, *more, **keywords)
            except (TypeError, ValueError):
                continue
            try:
                box = getattr(ufunc, method)(x, *more, **keywords)
            except fg.FlowgraphError:
                assert ufunc not in FOLDED or method == "accumulate" or keywords
                continue
            with np.errstate(all="ignore"):
                found = fg.Graph(box).fprop(x=values)[box]
            np.testing.assert_array_equal(found, needed, strict=True, err_msg=f"{keywords}")
