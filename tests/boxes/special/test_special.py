"""scipy.special on boxes: dispatch without an import of SciPy, edges, digits against mpmath, orders without a slope."""

import re
import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest
import scipy.special as special

import flowgraph as fg
from flowgraph.boxes.special import scipy_special
from flowgraph.errors import install_hint


def slope(function, *at, by=-1):
    """The gradient of the last argument, or of another, of a call on boxes."""
    leaves = [fg.Parameter(np.asarray(a, float)) if i == by % len(at) else a for i, a in enumerate(at)]
    leaf = leaves[by]
    return fg.Graph(function(*leaves)).fprop().bprop(wrt=[leaf])[leaf]


def second(function, *at, by=-1):
    """The second derivative of the last argument, or of another."""
    leaves = [fg.Parameter(np.asarray(a, float)) if i == by % len(at) else a for i, a in enumerate(at)]
    (once,) = fg.gradient(function(*leaves), [leaves[by]])
    (twice,) = fg.gradient(once, [leaves[by]])
    return fg.Graph(twice).fprop()[twice]


class TestDispatch:
    def test_scipy_is_imported_when_a_box_of_it_is_run(self):
        code = (
            "import sys, numpy as np, flowgraph as fg\n"
            "x = fg.Input('x')\n"
            "assert not [m for m in sys.modules if m.partition('.')[0] == 'scipy']\n"
            "box = fg.Erf(x)\n"
            "assert 'scipy.special' in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_without_scipy_one_message_names_the_extra(self, monkeypatch):
        scipy_special.special.cache_clear()
        monkeypatch.setitem(sys.modules, "scipy.special", None)
        with pytest.raises(ImportError, match=re.escape(f"needs SciPy; run: {install_hint('scipy')}")):
            fg.Erf.apply(np.array([0.123]))
        scipy_special.special.cache_clear()

    @pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax", "polygamma"])
    def test_functions_of_scipy_that_are_no_ufuncs_are_refused_and_those_of_flowgraph_serve(self, name):
        x = fg.Input("x", shape=(3,))
        first = (1,) if name == "polygamma" else ()
        with pytest.raises(fg.FlowgraphError, match=r"found np.asarray.* of a box.*docs/functions.md"):
            getattr(special, name)(*first, x)
        assert getattr(fg, name)(*first, x).dtype == np.float64

    def test_complex_numbers_are_refused_where_the_derivative_is_not_known(self):
        with pytest.raises(fg.FlowgraphError, match="Digamma: found complex numbers, needs real ones"):
            special.digamma(fg.Input("z", dtype=complex))


class TestEdges:
    def test_x_log_y_at_zero(self):
        for function, edge in ((special.xlogy, 0.0), (special.xlog1py, -1.0)):
            assert slope(function, 0.0, edge, by=0) == slope(function, 0.0, edge) == 0
            assert slope(function, 0.0, 3.0) == 0
            assert np.isinf(slope(function, 2.0, 3.0, by=0)) == 0
        assert slope(special.xlogy, 0.0, 3.0, by=0) == np.log(3)

    def test_entropies_at_zero(self):
        assert slope(special.entr, 0.0) == np.inf
        assert np.isnan(slope_without_warning(special.entr, -1.0))
        assert slope(special.rel_entr, 0.0, 2.0, by=0) == -np.inf
        assert slope(special.rel_entr, 0.0, 2.0) == 0
        assert slope(special.kl_div, 0.0, 2.0, by=0) == -np.inf
        assert slope(special.kl_div, 0.0, 2.0) == 1
        assert slope(special.kl_div, 0.7, 0.7, by=0) == slope(special.kl_div, 0.7, 0.7) == 0

    def test_inverses_at_the_ends(self):
        with np.errstate(all="ignore"):
            for function, low, high in (
                (special.erfinv, -1.0, 1.0), (special.ndtri, 0.0, 1.0), (special.logit, 0.0, 1.0),
            ):  # fmt: skip
                assert slope(function, low) == slope(function, high) == np.inf
            assert slope(special.erfcinv, 0.0) == slope(special.erfcinv, 2.0) == -np.inf

    def test_reciprocal_gamma_where_gamma_has_no_value(self):
        for n in range(6):
            assert slope(special.rgamma, -float(n)) == pytest.approx((-1) ** n * special.factorial(n), rel=1e-13)
            assert second(special.rgamma, -float(n)) == pytest.approx(exact(lambda x: mp.rgamma(x), -n, 2), rel=1e-12)

    def test_bessel_functions_at_zero(self):
        assert (slope(special.j0, 0.0), slope(special.j1, 0.0), slope(special.i0, 0.0)) == (0, 0.5, 0)
        assert slope(special.i1, 0.0) == 0.5
        assert [slope(special.jv, v, 0.0) for v in (0.0, 1.0, 2.0, 3.0)] == [0, 0.5, 0, 0]
        assert [slope(special.iv, v, 0.0) for v in (0.0, 1.0, 2.0, 3.0)] == [0, 0.5, 0, 0]
        assert slope(special.i0e, 0.0) == 0
        for function in (special.y0, special.y1, lambda x: special.yn(2, x)):
            assert slope(function, 0.0) == np.inf

    def test_smooth_ratios_at_zero(self):
        assert slope(special.exprel, 0.0) == pytest.approx(1 / 2, rel=1e-15)
        assert second(special.exprel, 0.0) == pytest.approx(1 / 3, rel=1e-15)
        assert slope(special.spence, 1.0) == -1
        assert second(special.spence, 1.0) == pytest.approx(1 / 2, rel=1e-15)

    def test_box_cox_at_lambda_zero(self):
        assert slope(special.boxcox, 3.0, 0.0) == pytest.approx(np.log(3) ** 2 / 2, rel=1e-14)
        assert second(special.boxcox, 3.0, 0.0) == pytest.approx(np.log(3) ** 3 / 3, rel=1e-14)
        assert slope(special.inv_boxcox, 1.5, 0.0) == pytest.approx(-np.exp(1.5) * 1.5**2 / 2, rel=1e-14)
        assert slope(special.boxcox, 0.0, 0.5) == 4
        assert slope(special.inv_boxcox, -2.0, 0.5) == 0

    def test_exponential_integral_of_order_zero(self):
        assert slope(special.expn, 0, 0.7) == pytest.approx(exact(lambda x: mp.expint(0, x), 0.7), rel=1e-13)
        assert second(special.expn, 1, 0.7) == pytest.approx(exact(lambda x: mp.expint(1, x), 0.7, 2), rel=1e-13)


def slope_without_warning(function, at):
    with pytest.warns(fg.GradientWarning):
        return slope(function, at)


def exact(function, at, order=1, digits=40):
    """The derivative, computed with many digits."""
    with mp.workdps(digits):
        return float(mp.diff(function, mp.mpmathify(at), order))


DIGITS = [
    (special.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), (-3.0, 0.1, 5.0, 9.9, 10.1, 40.0, 1e4, 1e8)),
    (special.dawsn, lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), (-12.0, 0.1, 5.0, 9.9, 10.1, 1e3)),
    (special.log_ndtr, lambda x: mp.log(mp.ncdf(x)), (-1e3, -30.0, -3.0, 0.0, 2.0, 20.0)),
    (special.gammaln, lambda x: mp.log(abs(mp.gamma(x))), (-2.5, -0.3, 1e-8, 1.4, 1e5)),
    (special.gamma, mp.gamma, (-2.5, -0.3, 0.7, 20.0)),
    (special.rgamma, mp.rgamma, (-7.3, -0.3, 0.2, 0.49, 0.51, 20.0)),
    (special.digamma, mp.digamma, (-2.4, -0.3, 0.7, 1e4)),
    (special.expi, mp.ei, (-5.0, -0.2, 0.3, 30.0)),
    (special.exp1, mp.e1, (0.01, 3.0, 30.0)),
    (special.spence, lambda x: mp.re(mp.polylog(2, 1 - x)), (0.01, 0.6, 0.999999, 1.000001, 1.9, 4.0, 50.0)),
    (special.exprel, lambda x: (mp.exp(x) - 1) / x, (-300.0, -20.0, -1.1, -0.9, -1e-6, 1e-9, 0.3, 3.0, 30.0)),
    (special.logit, lambda x: mp.log(x / (1 - x)), (1e-30, 1e-5, 0.3, 0.999999)),
    (special.log_expit, lambda x: -mp.log(1 + mp.exp(-x)), (-40.0, 0.0, 40.0)),
    (special.i1e, lambda x: mp.exp(-abs(x)) * mp.besseli(1, x), (-3.0, 0.01, 5.0)),
    (special.i0e, lambda x: mp.exp(-abs(x)) * mp.besseli(0, x), (-3.0, 0.01, 5.0)),
    (special.erfinv, mp.erfinv, (-0.999, 1e-9, 0.3, 0.999999)),
    (special.ndtri, lambda x: mp.sqrt(2) * mp.erfinv(2 * x - 1), (1e-3, 0.4, 0.9999)),
]


@pytest.mark.parametrize(
    ("function", "high", "at"),
    [(f, g, x) for f, g, places in DIGITS for x in places],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_derivatives_keep_their_digits(function, high, at):
    digits = 160 if function is special.log_ndtr else 40
    scale = abs(exact(high, at, 1, digits))
    assert slope(function, at) == pytest.approx(exact(high, at, 1, digits), abs=4e-13 * scale)
    rough = 1e-9 if function is special.log_ndtr else 2e-11
    lost = 1e-16 if function is special.log_expit else 1e-300  # h (1 − h) of a sigmoid near 1
    assert second(function, at) == pytest.approx(exact(high, at, 2, digits), rel=rough, abs=lost)


class TestOrders:
    def test_the_density_knows_the_derivative_that_the_distribution_does_not(self):
        a, x = fg.Parameter(1.5), fg.Parameter(0.7)
        (density,) = fg.gradient(special.gammainc(a, x), [x])
        (found,) = fg.gradient(density, [a])
        needed = exact(lambda a: mp.exp(-0.7) * mp.mpf(0.7) ** (a - 1) / mp.gamma(a), 1.5)
        assert float(fg.Graph(found).fprop()) == pytest.approx(needed, rel=1e-12)

    def test_what_is_underived_is_constant(self):
        with pytest.raises(
            fg.FlowgraphError, match="Bent: declares not_implemented_children v, which constant_children has"
        ):

            class Bent(fg.Elementwise):
                not_implemented_children = frozenset({"v"})

                def fprop(self, v, a):
                    return v * a


class TestPolygamma:
    def test_negative_numbers(self):
        for n in (0, 1, 2, 3):
            assert slope(lambda x, n=n: fg.polygamma(n, x), -2.6) == pytest.approx(
                float(mp.polygamma(n + 1, -2.6)), rel=1e-12
            )

    def test_errors(self):
        with pytest.raises(fg.FlowgraphError, match=r"Polygamma: found n=1.5, needs a whole number from 0"):
            fg.polygamma(1.5, fg.Input("x"))
        with pytest.raises(fg.FlowgraphError, match="polygamma: found Input 'n' as the order, needs a whole number"):
            fg.polygamma(fg.Input("n"), 1.0)
        with pytest.raises(fg.FlowgraphError, match="Exprel: found order=-1, needs a whole number from 0"):
            fg.Exprel(fg.Input("x"), order=-1)


@pytest.mark.parametrize("a", [1e3, 1e100, 1e300, np.inf])
def test_derivatives_of_exprel_far_out_are_infinite_at_once(a):
    """SciPy's hyp1f1 looks for minutes for what cannot be told from infinity."""
    x = fg.Parameter(np.array([a, 2.0]))
    run = fg.Graph(fg.Exprel(x)).fprop()
    np.testing.assert_array_equal(run.bprop(np.ones(2))[x][0], np.inf)
    np.testing.assert_array_equal(fg.Exprel.apply(np.array([-a, np.nan]), order=2)[1], np.nan)


@pytest.mark.parametrize("lmbda", [0.1, 0.25, 0.4, 0.5, 1.0])
def test_slopes_of_the_inverse_box_cox_transform_where_it_ends(lmbda):
    """From inside they are those of a power of λ y + 1, which mpmath takes just beside; some for λ = 1 are infinite."""
    orders = [(1, 0), (0, 1), (2, 0)] + [(1, 1), (0, 2)] * (lmbda < 1)
    y, power = fg.Parameter(-1 / lmbda, name="y"), fg.Parameter(lmbda, name="power")
    by_y, by_power = fg.gradient(fg.registry["InverseBoxCox"](y, power), [y, power])
    (twice, mixed), (_, of_power) = fg.gradient(by_y, [y, power]), fg.gradient(by_power, [y, power])
    found = fg.Graph(by_y, by_power, twice, mixed, of_power).fprop().outputs
    with mp.workdps(120):
        at = mp.mpf(10) ** -25 - 1 / mp.mpf(lmbda), mp.mpf(lmbda)
        needed = [float(mp.diff(lambda y, power: (1 + power * y) ** (1 / power), at, order)) for order in orders]
    np.testing.assert_allclose(found[: len(orders)], needed, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("order", [1, 20, 21, 100, 170])
def test_derivatives_of_high_orders_keep_their_digits(order):
    """Where k! or a power is no number of float64, though the derivative is one, or series of SciPy lose digits."""
    a = np.array([-700.0, -170.0, -10.0, -0.5, 0.0, 0.5, 10.0, 600.0])
    b = np.array([-0.3, 0.0, 0.5, 3.0, 10.0, 100.0, 999.0, 1001.0])[order > 100 :]
    with mp.workdps(60):
        rel = [mp.hyp1f1(order + 1, order + 2, mp.mpf(one)) / (order + 1) for one in a]
        factor = (-1) ** order * mp.factorial(order) / (order + 1)
        log = [factor * mp.hyp2f1(order + 1, order + 1, order + 2, -mp.mpf(one)) for one in b]
    for name, values, needed in (("Exprel", a, rel), ("LogRatio", b, log)):
        found = fg.registry[name].apply(values, order=order)
        np.testing.assert_allclose(found, [float(one) for one in needed], rtol=3e-13, atol=1e-300)
