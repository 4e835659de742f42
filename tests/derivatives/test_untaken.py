"""What no output takes gets an exact 0, at every order, backwards and forwards; what is taken keeps its NaN."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.functional import grad, hessian, jvp
from flowgraph.graph.where_masking import are_finite

X = np.array([0.0, -1.0, 2.0, 1.0])
SAFE = np.array([7.0, 7.0, 2.0, 1.0])

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

HIDING = {
    "where": lambda f, x: np.where(x > 0, f(x), 0.0),
    "other branch": lambda f, x: np.where(x <= 0, 0.0, f(x)),
    "nested": lambda f, x: np.where(x > 0, np.exp(f(x)) * f(x), 0.0),
    "broadcast": lambda f, x: np.where(x > 0, f(x) + np.zeros((2, 1)), 0.0),
    "select": lambda f, x: np.select([x > 0], [f(x)]),
    "piecewise": lambda f, x: np.piecewise(x, [x > 0], [f, 0.0]),
    "choose": lambda f, x: np.choose(x > 0, [np.zeros(4), f(x)]),
    "sum where": lambda f, x: np.sum(f(x)[None], axis=0, where=x > 0),
    "mask": lambda f, x: f(x)[x > 0],
    "slice": lambda f, x: np.flip(f(x))[:2],
    "take": lambda f, x: np.take(np.stack([f(x), f(x)]), [2, 3], axis=1),
    "set_at": lambda f, x: fg.set_at(f(x), x <= 0, 0.0),
    "not a number": lambda f, x: np.nan_to_num(f(x) / np.where(x > 0, 1.0, 0.0), posinf=0.0, neginf=0.0),
}


@pytest.mark.parametrize("hiding", HIDING)
@pytest.mark.parametrize("f", [np.sqrt, lambda x: x / np.maximum(x, 0) * x])
def test_no_nan_of_a_branch_that_is_not_taken(hiding, f):
    hide = HIDING[hiding]

    def loss(x):
        return np.sum(hide(f, x) ** 2)

    taken = X > 0
    needed, curved = grad(loss)(SAFE), np.diag(hessian(loss)(SAFE))
    found = grad(loss)(X)
    np.testing.assert_allclose(found, np.where(taken, needed, 0))
    x = fg.Parameter(X, name="x")
    np.testing.assert_allclose(fg.Graph(loss(x)).fprop().bprop()[x], found)
    with fg.debug():
        np.testing.assert_allclose(fg.Graph(loss(x)).fprop().bprop()[x], found)
    np.testing.assert_allclose(hessian(loss)(X), np.diag(np.where(taken, curved, 0)), atol=1e-12)
    np.testing.assert_allclose(jvp(loss)(X, np.ones(4)), np.sum(found))


def test_what_is_taken_keeps_its_nan():
    with np.errstate(all="ignore"):
        assert np.isnan(grad(lambda x: np.sqrt(x) ** 2)(0.0))
        assert np.isnan(grad(lambda x: np.where(x >= 0, np.sqrt(x) ** 2, 0.0))(0.0))
        both = grad(lambda x: np.where(x > 0, np.log(x), 0.0) + 0.0 * np.sqrt(x))(0.0)
    assert np.isnan(both)


def test_an_accidental_zero_is_no_choice():
    np.testing.assert_array_equal(
        jvp(lambda x: np.stack([x, -x])[:, 0] * np.exp(x[0]))(np.zeros(1), np.ones(1)), [1, -1]
    )


def test_a_graph_without_a_choice_has_no_boxes_for_it():
    x = fg.Input("x", shape=("N",))
    (dx,) = fg.gradient(np.sum(np.log(np.tanh(x) * x)), [x])
    assert not {type(box).__name__ for box in fg.Graph(dx)} & {"Where", "NotEqual"}


ACROSS = {
    "into singles": lambda x: np.where(x > 0, np.log(x).astype(np.float32), 0.0),
    "from singles": lambda x: np.where(x > 0, np.log(x.astype(np.float32)), np.float32(0)),
    "through complex": lambda x: np.where(x > 0, np.abs(np.log(x + 0j)), 0.0),
    "through a part": lambda x: np.where(x[:1] > 0, np.split(np.log(x), 4)[0], 0.0),
    "through a row": lambda x: np.where(x[0] > 0, np.unstack(np.log(np.stack([x, x])))[1], 0.0),
    "of several parts": lambda x: np.where(x > 0, np.modf(np.log(x))[0], 0.0),
}


@pytest.mark.parametrize("f", ACROSS.values(), ids=ACROSS)
def test_what_is_not_taken_stays_so_across_dtypes_and_parts(f):
    x = fg.Parameter(X, name="x")
    total = np.sum(f(x))
    (built,) = fg.gradient(total, [x])
    found = fg.Graph(built).fprop()[built]
    np.testing.assert_array_equal(found[X <= 0], 0)
    np.testing.assert_allclose(fg.Graph(total).fprop().bprop()[x], found)


def hidden(f):
    """The gradient of where(x > 0, f(x), 0), by a run, which is that of the gradient graph and of a unit array."""
    x = fg.Parameter(X, name="x")
    taken = np.where(x > 0, f(x), 0.0)
    found = fg.Graph(np.sum(taken)).fprop().bprop()[x]
    (built,) = fg.gradient(np.sum(taken), [x])
    np.testing.assert_array_equal(fg.Graph(built).fprop()[built], found)
    (matrix,) = fg.jacobian(taken, [x])
    np.testing.assert_array_equal(fg.Graph(matrix).fprop()[matrix], np.diag(found))
    return found


QUOTIENTS = {
    "constant over box": lambda x: 3.0 / x,
    "box over constant": lambda x: np.log(x) / 3.0,
    "box over zeros": lambda x: x / np.where(X > 0, 1.0, 0.0),
    "infinity times box": lambda x: x * np.where(X > 0, 1.0, np.inf),
    "a number to the power of -1": lambda x: x**-1,
    "the reciprocal": np.reciprocal,
}


@pytest.mark.parametrize("f", QUOTIENTS.values(), ids=QUOTIENTS)
def test_a_constant_beside_what_is_not_taken_makes_no_nan(f):
    """By a constant factor a slope is sure where it is finite and not 0; by a denominator never."""
    found = hidden(f)
    assert np.all(found[X <= 0] == 0)
    assert np.all(found[X > 0] != 0)


class TestUsersBoxes:
    def test_one_that_chooses_hides_what_it_leaves_out(self):
        class Last(fg.Box):
            slopes = "choice"

            def fprop(self, a):
                return a[..., -1]

            def bprop(self, grad, h, a):
                return (np.stack([*([np.zeros_like(grad)] * 3), grad], axis=-1),)

        class Silent(Last):
            slopes = ""

        x = fg.Parameter(X, name="x")
        for cls, needed in ((Last, [0, 0, 0, 0.5]), (Silent, [np.nan, np.nan, 0, 0.5])):
            root = np.sqrt(np.where(np.arange(4) == 2, 1.0, x))  # infinite and NaN slopes, but the last is taken
            found = fg.Graph(np.sum(cls(root))).fprop().bprop()[x]
            np.testing.assert_array_equal(found, needed, err_msg=cls.__name__)

    def test_one_of_finite_slopes_needs_no_care(self):
        class Sure(fg.Elementwise):
            slopes = "finite"

            def fprop(self, a):
                return np.sin(a)

        class Unsure(Sure):
            slopes = ""

        x = fg.Input("x", shape=(4,))
        assert are_finite([x, Sure(x)])
        assert not are_finite([x, Unsure(x)])

    def test_an_unknown_word_is_refused(self):
        with pytest.raises(fg.FlowgraphError, match=r"Odd: found slopes = 'steep', needs '', 'finite', 'const"):

            class Odd(fg.Elementwise):
                slopes = "steep"

                def fprop(self, a):
                    return a * 1.0
