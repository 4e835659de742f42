"""`fg.property_test` of functions: NumPy pairs, autograd.Functions, modules of torch, functions of JAX."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import FailedHealthCheck, Unsatisfiable

import flowgraph as fg
from flowgraph.checking.property_tests import draw_cases
from flowgraph.checking.target import Target
from flowgraph.errors import UsageError

QUICK = {"max_examples": 25, "database": None, "derandomize": True, "phases": [Phase.generate, Phase.shrink]}
X = np.array([[0.5, -1.0], [2.0, 0.25]])


def square(x):
    return x * x


def square_backward(grad, output, x):
    return (2 * x * grad,)


def square_of_positive(grad, output, x):
    return (2 * np.abs(x) * grad,)


@settings(**QUICK)
@fg.property_test(square, X, bprop=square_backward)
def test_a_pair_of_numpy_functions(case):
    assert np.all(case.value >= 0)
    assert case.inputs["x"].shape == X.shape


def test_a_mistake_that_the_example_does_not_show():
    @settings(**QUICK)
    @fg.property_test(square, np.array([0.5, -2.0]), bprop=square_of_positive)
    def test():
        """Nothing more."""

    with pytest.raises(AssertionError, match="square: FAIL"):
        test()


@pytest.mark.parametrize(
    ("example", "holds"),
    [
        (np.array([0.2, 0.5]), lambda x: np.all((x > 0) & (x < 1))),
        (np.array([2.0, 0.5]), lambda x: np.all(x > 0)),
        (np.array([-2.0, -0.5]), lambda x: np.all(x < 0)),
        (np.array([[2.0, 0.5], [0.5, 3.0]]), lambda x: np.array_equal(x, x.T) and np.linalg.eigvalsh(x).min() > 0),
        (1.5, lambda x: type(x) is float and x > 0),
    ],
)
def test_values_keep_the_domain_that_the_example_shows(example, holds):
    target = Target.of_functions(square, square_backward, (example,))

    @settings(**QUICK)
    @given(draw_cases(target, lambda report: report))
    def test(case):
        assert holds(case.inputs["x"])

    test()


def test_autograd_functions_and_modules():
    torch = pytest.importorskip("torch", reason="torch is not installed")

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.save_for_backward(x)
            ctx.factor = factor
            return factor * x * x

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 2 * ctx.factor * x.abs() * grad, None

    @settings(**QUICK)
    @fg.property_test(Square, torch.tensor([0.5, -1.0]), 1.5)
    def wrong():
        """Nothing more."""

    with pytest.raises(AssertionError, match="Square: FAIL") as caught:
        wrong()
    assert "backward" in str(caught.value)
    assert "bprop" not in str(caught.value)

    @settings(**QUICK)
    @fg.property_test(torch.nn.Linear(2, 3), torch.ones(4, 2))
    def right(case):
        assert set(case.inputs) == {"input", "weight", "bias"}

    right()


def test_functions_of_jax():
    jax = pytest.importorskip("jax", reason="jax is not installed")
    jnp = jax.numpy

    @jax.custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, grad: (3 * x * jnp.abs(x) * grad,))

    @settings(**{**QUICK, "max_examples": 10})
    @fg.property_test(cube, jnp.array([0.5, -2.0]))
    def wrong():
        """Nothing more."""

    with pytest.raises(AssertionError, match="cube: FAIL"):
        wrong()

    @settings(**{**QUICK, "max_examples": 5})
    @fg.property_test(jnp.tanh, jnp.array([0.5, -2.0]))
    def right():
        """Nothing more."""

    right()


def test_no_line_of_the_checker_is_in_the_traceback():
    """pytest leaves out frames that say so; what is left is the user's test, Hypothesis trims its own."""

    @settings(max_examples=1, phases=[Phase.generate], database=None)
    @fg.property_test(np.exp, np.array([0.5]), bprop=lambda grad, output, x: (-grad * output,))
    def wrong():
        """Nothing more."""

    with pytest.raises(AssertionError, match="exp: FAIL") as caught:
        wrong()
    package = str(Path(fg.__file__).parent)
    ours = [entry for entry in caught.traceback if str(entry.path).startswith(package)]
    assert ours
    assert not [str(entry) for entry in ours if not entry.frame.f_locals.get("__tracebackhide__")]


@pytest.mark.parametrize("takes_case", [False, True])
def test_a_failing_case_is_shown_as_one_of_the_test_that_the_user_wrote(takes_case):
    def of_case(case):
        """Nothing more."""

    def of_nothing():
        """Nothing more."""

    written = of_case if takes_case else of_nothing
    made = fg.property_test(square, np.array([0.5, -2.0]), bprop=square_of_positive)(written)
    assert (made.__name__, made.__module__) == (written.__name__, __name__)
    assert (made.__code__.co_filename, made.__code__.co_firstlineno) == (__file__, written.__code__.co_firstlineno)
    with pytest.raises(AssertionError, match="square: FAIL") as caught:
        settings(**QUICK)(made)()
    assert any(f"{written.__name__}(\n" in note for note in caught.value.__notes__)


def test_settings_are_those_of_the_profile_but_for_the_deadline_and_the_phase_explain():
    seen = []
    make = fg.property_test(square, X, bprop=square_backward)

    def test():
        seen.append(settings.default)

    profile = settings.get_current_profile_name()
    settings.register_profile("of a user", settings.default, max_examples=7, database=None, deadline=50)
    settings.load_profile("of a user")
    try:
        make(test)()
        assert settings.get_current_profile_name() == "of a user"
        assert settings.default.deadline is not None
    finally:
        settings.load_profile(profile)
    assert (seen[0].max_examples, seen[0].deadline) == (7, None)
    assert {Phase.generate, Phase.shrink} <= set(seen[0].phases)
    assert Phase.explain not in seen[0].phases


@settings(**{**QUICK, "max_examples": 1}, suppress_health_check=[HealthCheck.nested_given])
@fg.property_test(square, X, bprop=square_backward)
def test_one_that_is_made_while_another_runs_has_its_settings():
    seen = []
    fg.property_test(square, X, bprop=square_backward)(lambda: seen.append(settings.default))()
    assert {s.max_examples for s in seen} == {1}


@pytest.mark.parametrize(
    ("arguments", "keywords", "text"),
    [
        ((fg.Tanh, X), {}, "Tanh is a box class, whose cases are drawn from its declarations"),
        ((3,), {}, "found int, needs a box class, or a function with its arguments"),
        ((square, X), {}, "needs bprop= for a function of NumPy arrays"),
        ((square, X), {"bprop": square_backward, "y": 1}, "found y=; with bprop= arguments go by place"),
    ],
)
def test_what_cannot_be_tested_is_said(arguments, keywords, text):
    with pytest.raises(fg.FlowgraphError) as caught:
        fg.property_test(*arguments, **keywords)
    assert text in str(caught.value)


def test_cases_at_which_nothing_can_be_compared_are_a_doubt_unless_it_is_allowed():
    def fprop(x):
        if np.any((x != 0) & (x != 1)):
            raise ValueError("needs 0 and 1 alone")
        return np.sum(x * x)

    chosen = np.eye(4)[[2, 0, 3]]
    given = {"bprop": lambda grad, y, x: (2 * grad * x,)}
    assert fg.check(fprop, chosen, **given).verdict == "undecided"
    with pytest.raises((FailedHealthCheck, Unsatisfiable)):
        fg.property_test(fprop, chosen, **given)(lambda: None)()
    fg.property_test(fprop, chosen, allow="undecided", **given)(lambda: None)()
    with pytest.raises(UsageError, match="needs any of 'undecided', 'example only'"):
        fg.property_test(fg.Tanh, allow="fail")
