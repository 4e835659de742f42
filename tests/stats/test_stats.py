"""The distributions against scipy.stats over their parameters, and their gradients against differences and autograd."""

import autograd
import autograd.scipy.stats as autograd_stats
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph import stats
from flowgraph.errors import NotDifferentiableError, ShapeError, UsageError
from flowgraph.functional import grad

NUMBERS = st.floats(-6, 6).map(lambda a: round(a, 6)) | st.sampled_from([0.0, 1.0, -1.0, 0.5, 2.0])
PLACES = st.floats(-2, 2).map(lambda a: round(a, 6)) | st.just(0.0)
SHAPES = st.floats(0.05, 30) | st.sampled_from([1.0, 0.5, 2.0, 1e4])
SCALES = st.floats(0.05, 20) | st.just(1.0)
BAD = st.sampled_from([0.0, -1.0, float("nan")])

PARAMETERS = {
    "norm": (NUMBERS, PLACES, SCALES),
    "t": (NUMBERS, SHAPES | st.just(np.inf), PLACES, SCALES),
    "gamma": (NUMBERS, SHAPES, PLACES, SCALES),
    "beta": (NUMBERS, SHAPES, SHAPES, PLACES, SCALES),
    "chi2": (NUMBERS, SHAPES, PLACES, SCALES),
    "poisson": (st.integers(-2, 40) | st.floats(-2, 9), SHAPES | st.just(0.0), st.integers(-2, 2)),
    "bernoulli": (st.integers(-1, 3) | st.floats(-1, 2), st.floats(0, 1), st.integers(-1, 1)),
    "pareto": (NUMBERS, st.floats(0.05, 30), PLACES, SCALES),  # SciPy's density of larger b is 0 early
    "truncnorm": (NUMBERS, PLACES, st.floats(3.01, 9), PLACES, SCALES),
    **dict.fromkeys(("expon", "laplace", "logistic", "cauchy", "uniform"), (NUMBERS, PLACES, SCALES)),
}  # fmt: skip
CLOSED_QUANTILES = {"norm", "expon", "laplace", "logistic", "cauchy", "uniform", "pareto"}

FUNCTIONS = [
    (name, function)
    for name in PARAMETERS
    for function in ("logpdf", "pdf", "logpmf", "pmf", "cdf", "logcdf", "sf", "logsf", "ppf")
    if hasattr(getattr(scipy.stats, name), function) and (function != "ppf" or name in CLOSED_QUANTILES)
]


def near(found, wanted):
    """Equal, infinities and NaN among them, to a few roundings of what is added up on the way."""
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(
            found, wanted, rtol=2e-10, atol=1e-12 * np.max(np.abs(wanted), initial=1, where=np.isfinite(wanted))
        )


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_values_are_those_of_scipy(name, function, data):
    kinds = PARAMETERS[name] if function != "ppf" else (st.floats(1e-6, 1 - 1e-6), *PARAMETERS[name][1:])
    rows = [data.draw(st.lists(one, min_size=3, max_size=3)) for one in kinds]
    ours, theirs = (getattr(getattr(where, name), function) for where in (stats, scipy.stats))
    with np.errstate(all="ignore"):
        wanted = theirs(*map(np.array, rows))
        near(ours(*map(np.array, rows)), wanted)
        near(ours(*rows), wanted)  # lists
        near(ours(*[row[0] for row in rows]), theirs(*[row[0] for row in rows]))  # numbers
        inputs = [fg.Input(f"p{i}", shape=(3,)) for i in range(len(rows))]
        box = ours(*inputs)
        near(fg.Graph(box).fprop({p: np.array(row, float) for p, row in zip(inputs, rows, strict=True)})[box], wanted)


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_what_no_value_can_be_beyond_is_not_asked(name, function):
    """Pictures and plans have no comparison with infinity where a distribution has no end."""
    rows = [fg.Input(f"p{i}", shape=(3,)) for i in range(len(PARAMETERS[name]))]
    boxes = fg.Graph(getattr(getattr(stats, name), function)(*rows)).boxes
    compared = [box for box in boxes if isinstance(box, fg.Less | fg.LessEqual | fg.Greater | fg.GreaterEqual)]
    ends = [child for box in compared for child in box.children if isinstance(child, fg.Constant)]
    assert not any(np.isinf(end.value).any() for end in ends)


@pytest.mark.parametrize("name", PARAMETERS)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_parameters_out_of_range_give_nan_as_in_scipy(name, data):
    drawn = [data.draw(one) for one in PARAMETERS[name]]
    place = data.draw(st.integers(1, len(drawn) - 1))
    if name in ("poisson", "bernoulli") or place == len(drawn) - 2:
        place = 1  # a place, which may be any number
    if len(drawn) == 3 and name not in ("poisson", "bernoulli"):
        place = 2  # there is a scale alone
    if name == "truncnorm":
        place, drawn[1] = data.draw(st.sampled_from([2, 4])), 4.0  # above each bad b
    drawn[place] = data.draw(BAD.filter(bool) if name == "bernoulli" else BAD)
    function = "logpmf" if name in ("poisson", "bernoulli") else "logpdf"
    with np.errstate(all="ignore"):
        near(getattr(getattr(stats, name), function)(*drawn), getattr(getattr(scipy.stats, name), function)(*drawn))


INSIDE = {
    "norm": [(0.7, -0.3, 1.4)],
    "t": [(0.7, 3.5, -0.3, 1.4), (-4.0, 0.6, 0.0, 0.5)],
    "gamma": [(1.7, 2.3, 0.3, 1.4), (0.1, 0.4, 0.0, 2.0)],
    "beta": [(0.3, 1.5, 2.5, 0.1, 0.9), (0.9, 0.4, 3.0, 0.0, 1.0)],
    "chi2": [(2.5, 3.0, 0.2, 1.1)],
    "poisson": [(3.0, 2.5), (0.0, 0.4)],
    "bernoulli": [(0.0, 0.3), (1.0, 0.3)],
    "pareto": [(2.7, 1.7, 0.3, 1.4), (9.0, 0.4, 0.0, 2.0)],
    "truncnorm": [(0.7, -1.2, 2.3, 0.3, 1.4), (-3.1, -4.0, -1.0, 0.0, 1.0), (3.1, 1.0, 4.0, 0.0, 1.0)],
    **{name: [(0.7, -0.3, 1.4), (-9.0, 0.3, 0.6)] for name in ("laplace", "logistic", "cauchy")},
    "expon": [(0.7, -0.3, 1.4), (9.0, 0.3, 0.6)],
    "uniform": [(0.7, -0.3, 1.4)],
}
UNDERIVED = {("t", 1), ("gamma", 1), ("beta", 1), ("beta", 2), ("chi2", 1)}
"""Parameters by which distribution functions have no derivative here."""

CASES = [(n, f, point) for n, f in FUNCTIONS for point in INSIDE[n]]


@pytest.mark.parametrize(("name", "function", "point"), CASES)
def test_gradients_are_the_slopes_of_the_values(name, function, point):
    theirs = getattr(getattr(scipy.stats, name), function)
    ours = getattr(getattr(stats, name), function)
    if function == "ppf":
        point = (0.3, *point[1:])
    for place in range(name in ("poisson", "bernoulli"), len(point)):
        of_distribution = function in ("cdf", "logcdf", "sf", "logsf")
        if of_distribution and (name, place) in UNDERIVED:
            with pytest.raises(NotDifferentiableError, match="is not implemented"):
                grad(ours, place)(*point)
            continue
        step = 1e-5
        ahead, behind = [theirs(*point[:place], point[place] + s, *point[place + 1 :]) for s in (step, -step)]
        slope = grad(ours, place)(*point)
        if ahead == behind == -np.inf:  # as log of 0, which has no slope
            continue
        assert slope == pytest.approx((ahead - behind) / (2 * step), rel=2e-6, abs=1e-8), (place, slope)


def test_a_value_outside_of_the_support_has_a_gradient_of_zero_by_the_parameters():
    for name, point in (("gamma", (-1.0, 2.0)), ("beta", (1.5, 2.0, 3.0)), ("poisson", (1.5, 2.0))):
        function = getattr(getattr(stats, name), "logpmf" if name == "poisson" else "logpdf")
        assert np.isneginf(function(*point))
        assert grad(lambda a, function=function, point=point: np.exp(function(point[0], a, *point[2:])))(2.0) == 0


def test_precision_is_kept():
    x = fg.Input("x", shape=(3,), dtype=np.float32)
    for made in (stats.norm.logpdf(x, 0.0, 2.0), stats.t.logpdf(x, 3.0), stats.gamma.logpdf(x, 2.0), stats.norm.cdf(x)):
        assert made.dtype == np.float32


def test_what_is_not_differentiated_is_passed_on_to_scipy():
    ours, theirs = stats.gamma, scipy.stats.gamma
    np.testing.assert_array_equal(ours.rvs(2.0, size=5, random_state=3), theirs.rvs(2.0, size=5, random_state=3))
    assert ours.ppf(0.3, 2.0) == theirs.ppf(0.3, 2.0)
    assert ours.mean(2.0, scale=3.0) == theirs.mean(2.0, scale=3.0)
    with pytest.raises(UsageError, match=r"gamma\.ppf: found a box, needs arrays: it is computed by SciPy"):
        grad(ours.ppf, 1)(0.3, 2.0)
    with pytest.raises(AttributeError, match="logpmf"):
        ours.logpmf(1.0, 2.0)


def test_parameters_have_their_names():
    import flowgraph.stats.norm as normal

    assert normal is stats.norm
    near(stats.beta.logpdf(0.3, b=2.0, a=3.0, scale=2.0), scipy.stats.beta.logpdf(0.3, b=2.0, a=3.0, scale=2.0))
    with pytest.raises(
        UsageError, match=r"beta.logpdf: missing a required argument: 'b'; needs the value, then \(a, b,"
    ):
        stats.beta.logpdf(0.3, 2.0)


@pytest.mark.parametrize("ends", [(8.0, 9.0), (-np.inf, -7.0), (-1.0, np.inf), (-np.inf, np.inf), (30.0, np.inf)])
def test_a_truncated_normal_in_the_tails(ends):
    x = 8.5 if ends[0] == 8 else max(ends[0], -9.0) + 0.5
    for function in ("logpdf", "logcdf", "sf"):
        ours, theirs = getattr(stats.truncnorm, function), getattr(scipy.stats.truncnorm, function)
        near(ours(x, *ends), theirs(x, *ends))
        slopes = grad(ours, (0, 1, 2))(x, *ends)
        for place, slope in enumerate(slopes):
            point, step = np.array([x, *ends]), 1e-5 * (np.arange(3) == place)
            if np.isfinite(point[place]):
                needed = (theirs(*(point + step)) - theirs(*(point - step))) / 2e-5
                assert slope == pytest.approx(needed, rel=1e-5, abs=1e-9)
            else:
                assert slope == 0


def covariance(rng, size):
    root = rng.normal(size=(size, size))
    return root @ root.T + 0.3 * np.eye(size)


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("points", [(), (5,), (2, 3), (1,)])
def test_the_multivariate_normal_is_that_of_scipy(size, points):
    rng = np.random.default_rng(size)
    x, mean, cov = rng.normal(size=(*points, size)), rng.normal(size=size), covariance(rng, size)
    theirs, ours = scipy.stats.multivariate_normal, stats.multivariate_normal
    for function in ("logpdf", "pdf"):
        wanted = getattr(theirs, function)(x, mean, cov)
        found = getattr(ours, function)(x, mean, cov)
        near(found, wanted)
        assert np.shape(found) == np.shape(wanted)
        inputs = [fg.Input(name, shape=a.shape) for name, a in (("x", x), ("mean", mean), ("cov", cov))]
        box = getattr(ours, function)(*inputs)
        value = fg.Graph(box).fprop(x=x, mean=mean, cov=cov)[box]
        near(value, wanted)
        assert value.shape == np.shape(wanted)
    near(ours.entropy(mean, cov), theirs.entropy(mean, cov))
    assert ours.cdf(x, mean, cov, rng=0) == pytest.approx(theirs.cdf(x, mean, cov, rng=0))


@pytest.mark.parametrize(
    "arguments",
    [(0.3,), (0.3, None, 2.0), ([0.1, 0.2],), ([0.1, 0.2], [0.5, 0.5], [1.0, 2.0]), ([[0.1, 0.2]], [1, 2]),
     (np.ones((3, 1)), None, 3.0), ([0.1, 0.2], None, np.eye(2)), ([0.1, 0.2], [1, 2], 3)],
)  # fmt: skip
def test_what_may_be_left_out_of_the_multivariate_normal(arguments):
    near(stats.multivariate_normal.logpdf(*arguments), scipy.stats.multivariate_normal.logpdf(*arguments))


def test_a_singular_covariance():
    cov, x = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 2.0]])
    near(
        stats.multivariate_normal.logpdf(x, [0, 0], cov, True),
        scipy.stats.multivariate_normal.logpdf(x, [0, 0], cov, True),
    )
    with pytest.raises(np.linalg.LinAlgError):
        stats.multivariate_normal.logpdf(x, [0, 0], cov)
    with pytest.raises(np.linalg.LinAlgError):
        stats.multivariate_normal.logpdf(x, [0, 0], -np.eye(2), True)


def test_gradients_of_the_multivariate_normal_are_those_of_autograd():
    rng = np.random.default_rng(0)
    point = rng.normal(size=(6, 3)), rng.normal(size=3), covariance(rng, 3)
    ours, theirs = stats.multivariate_normal, autograd_stats.multivariate_normal
    for function in ("logpdf", "pdf"):
        found = grad(lambda *p, f=function: np.sum(getattr(ours, f)(*p)), (0, 1, 2))(*point)
        wanted = autograd.grad(lambda *p, f=function: autograd.numpy.sum(getattr(theirs, f)(*p)), (0, 1, 2))(*point)
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@given(st.integers(2, 5), st.integers(0, 2**31), st.booleans())
@settings(max_examples=30, deadline=None)
def test_dirichlet_is_that_of_scipy(size, seed, rows):
    rng = np.random.default_rng(seed)
    alpha = rng.uniform(0.2, 5, size)
    x = rng.dirichlet(np.ones(size), 4).T if rows else rng.dirichlet(np.ones(size))
    for function in ("logpdf", "pdf"):
        ours, theirs = (getattr(where.dirichlet, function) for where in (stats, scipy.stats))
        near(ours(x, alpha), theirs(x, alpha))
        near(ours(x[:-1], alpha), theirs(x[:-1], alpha))
    slope = grad(lambda a: np.sum(stats.dirichlet.logpdf(x, a)))(alpha)
    columns = x.T if rows else [x]
    wanted = sum(autograd.grad(autograd_stats.dirichlet.logpdf, 1)(one, alpha) for one in columns)
    np.testing.assert_allclose(slope, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: stats.dirichlet.logpdf([0.5, 0.6], [1.0, 1.0]), UsageError, "found an x that is no distribution"),
        (lambda: stats.dirichlet.logpdf([0.5, 0.5], [0.0, 1.0]), UsageError, "found alpha = 0.0, needs"),
        (lambda: stats.dirichlet.logpdf([0.5], [1.0, 1.0, 1.0]), ShapeError, r"x of shape \(1,\) with alpha of shape"),
        (lambda: stats.multivariate_normal.cdf(fg.Input("x", shape=(2,))), UsageError, "has no gradient"),
        (lambda: stats.multivariate_normal.logpdf([1.0], [0.0], fg.Input("c", shape=(1, 1)), True), UsageError,
         "allow_singular=True"),
        (lambda: stats.multivariate_normal.logpdf([1.0], [0.0, 1.0], np.eye(3)), ShapeError, r"needs \(D,\) and"),
    ],
)  # fmt: skip
def test_what_has_no_density_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()
