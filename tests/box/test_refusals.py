"""What a declaration, a constant and a path to a parameter refuse, and the arrays that compute a box themselves."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.arrays import Foreign
from flowgraph.errors import (
    DeclarationError,
    DtypeError,
    FeedError,
    FlowgraphError,
    NotDifferentiableError,
    ShapeError,
    UsageError,
)

X = fg.Input("x", shape=("N", 3))
N = X.shape[0]


@pytest.mark.parametrize(
    "taken",
    [
        lambda: np.sum(X) / N,
        lambda: N * np.sum(X),
        lambda: 1 / N,
        lambda: N % 2,
        lambda: N * 2.0,
        lambda: np.zeros((N, 2)),
    ],
    ids=["a divisor", "a factor", "divided", "a remainder", "a float", "a size of an array"],
)
def test_a_size_is_no_number(taken):
    with pytest.raises((DtypeError, UsageError), match=r"found the size N, .* fg\.count_like\(x, axis=0\)"):
        taken()
    assert str(2 * N + 1 - N) == "N+1"


@pytest.mark.parametrize(
    ("taken", "error", "text"),
    [
        (lambda: fg.Input("x", dtype="foo"), DtypeError, r"x.*: found dtype='foo' .*needs a dtype such as"),
        (lambda: fg.Parameter([1.0], dtype="foo", name="w"), DtypeError, "found dtype='foo'"),
        (
            lambda: fg.Parameter([[1.0], [1.0, 2.0]], name="w"),
            FeedError,
            "found what is no array .*of one length",
        ),
        (lambda: fg.Constant(X), FlowgraphError, r"found np\.asarray\(\) of a box"),
        (lambda: fg.softmax(np.array(["a"])), DtypeError, "softmax: found dtype <U1, needs numbers or booleans"),
    ],
    ids=["a dtype", "a dtype of a list", "rows of two lengths", "a box", "texts"],
)
def test_what_is_no_array_of_numbers_is_refused_by_who_reads_it(taken, error, text):
    with pytest.raises(error, match=text):
        taken()


def without_self():
    class Box(fg.Box):
        def fprop(a):
            return a


def of_a_number():
    class Box(fg.Box):
        fprop = 3


def of_a_shared_list():
    class Box(fg.Box):
        weights: list = [1.0]

        def fprop(self, a):
            return a


def of_an_unknown_size():
    class Box(fg.Box):
        signature = "(n)->(n,m)"

        def fprop(self, a):
            return a


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (without_self, r"needs fprop\(self, a\)"),
        (of_a_number, "found fprop = 3"),
        (of_a_shared_list, "one object for all boxes"),
        (of_an_unknown_size, "which no child has"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(declare, words):
    with pytest.raises(DeclarationError, match=words):
        declare()


class TwoValues(fg.Elementwise):
    def fprop(self, a):
        return np.sin(a), np.cos(a)


class TwoOfOne(fg.Box):
    signature = "(n)->(n)"

    def fprop(self, a):
        return a, a


class TotalOfAll(fg.Box):
    signature = "(n)->()"

    def fprop(self, a):
        return np.sum(a)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (TwoValues, "gives 2 arrays"),
        (TwoOfOne, "gives 2 arrays"),
        (TotalOfAll, r"signature \(n\)->\(\) promises \(3,\)"),
    ],
)
def test_a_value_that_was_not_declared_is_refused_when_the_box_is_built(box, words):
    with pytest.raises(ShapeError, match=words):
        box(fg.Input("a", shape=(4, 3)))


class BothMoments(fg.Box):
    signature = "(n)->(n),()"

    def fprop(self, a):
        return a * 2, np.sum(a, axis=-1)


def test_a_signature_declares_several_outputs():
    twice, total = BothMoments(fg.Parameter(np.ones((2, 3)), name="a"))
    assert (twice.shape, total.shape) == ((2, 3), (2,))
    assert fg.Graph(total).fprop()[total].tolist() == [3.0, 3.0]


class Elsewhere(Foreign):
    """An array of another library, as a traced one of JAX is."""

    def value_of_box(self, box, values):
        return type(box).__name__, len(values)

    def note_wrong(self):
        raise AssertionError("nothing is wrong here")


def test_a_foreign_array_computes_the_box_itself():
    assert fg.Tanh.apply(Elsewhere()) == ("Tanh", 1)


class ByOneOnly(fg.Elementwise):
    constant_children = not_implemented_children = frozenset({"n"})

    def fprop(self, a, n):
        return a * n

    def bprop(self, grad, h, a, n):
        return grad * n, None


def test_a_path_that_is_cut_says_where():
    a, n, other = fg.Parameter(1.0, name="a"), fg.Parameter(2.0, name="n"), fg.Parameter(3.0, name="other")
    run = fg.Graph(ByOneOnly(a, n * 1.0)).fprop()
    with pytest.raises(NotDifferentiableError, match="no derivative by 'n' that is implemented"):
        run.bprop(wrt=[n])
    with pytest.raises(fg.FlowgraphError, match="other"):
        run.bprop(wrt=[other])


def test_sizes_that_a_run_decides_pass_the_gradient():
    a = fg.Parameter([1.0, -2.0, 3.0], name="a")
    (da,) = fg.gradient(np.sum(a[a > 0] ** 2), [a])
    assert fg.Graph(da).fprop()[da].tolist() == [2.0, 0.0, 6.0]


def test_a_leaf_has_no_children_to_list():
    assert X.lineup() == []
