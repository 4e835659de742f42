"""Numbers that functions of the user's return, as metrics, rates or measures: any number is read, all else refused."""

import decimal
import fractions
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import flowgraph as fg
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.training.settings import read_result

X, Y = np.eye(4), np.array([0, 1, 0, 1])


class Odd:
    """An object that no text can be made of, and whose number is an error of its own."""

    def __float__(self):
        raise KeyError("no number")

    def __repr__(self):
        raise ZeroDivisionError


NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.fractions(), st.decimals(allow_nan=False),
    hnp.from_dtype(np.dtype(np.float32)), hnp.from_dtype(np.dtype(np.int64)),
    hnp.arrays(st.sampled_from([np.float64, np.float32, int]), hnp.array_shapes(min_dims=0, max_side=1)),
)  # fmt: skip
OTHERS = st.one_of(
    st.text(), st.floats().map(str), st.binary(), st.none(), st.complex_numbers(), st.lists(st.floats()),
    st.dictionaries(st.text(max_size=3), st.integers()), st.just(10**400), st.builds(Odd), st.tuples(st.builds(Odd)),
    hnp.arrays(float, st.sampled_from([(0,), (2,), (3, 1)])), hnp.arrays("U3", st.sampled_from([(), (1,)])),
    st.sampled_from([float, print, fg.Input("x"), np.ma.masked, np.datetime64("2026-01-01"), np.array(None), ...]),
)  # fmt: skip


@given(number=NUMBERS)
def test_every_number_is_read_whatever_holds_it(number):
    with np.errstate(all="ignore"):
        found = read_result("f", number)
    plain = number.item() if isinstance(number, np.ndarray) else number
    assert type(found) is float
    assert found == float(plain) or (math.isnan(found) and math.isnan(float(plain)))


@given(value=OTHERS)
@example(value=np.zeros((3, 1)))
def test_whatever_is_no_number_is_refused_with_who_and_a_way_out(value):
    with pytest.raises(FlowgraphError, match=r"^(\w+: )?f: .*(found|hides).*needs (one number|a number)") as caught:
        read_result("f", value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_numbers_of_the_standard_library_and_of_torch_are_numbers():
    torch = pytest.importorskip("torch")
    for number in (fractions.Fraction(1, 2), decimal.Decimal("0.5"), torch.tensor(0.5), torch.tensor([0.5])):
        assert read_result("f", number) == 0.5
    with pytest.raises(UsageError, match=r"found a result of type Tensor, .* needs one number"):
        read_result("f", torch.zeros(2))


class Rates(fg.schedules.Schedule):
    """A schedule of a user's own."""

    def __init__(self, rate):
        self.rate = lambda t: rate


def fitted(**given):
    return fg.fit(fg.MLP([4, 2], rng=0), (X, Y), epochs=1, checks=False, progress=False, **given)


@given(value=OTHERS)
@settings(max_examples=10)
def test_a_training_says_which_function_of_the_users_returned_what_is_no_number(value):
    with pytest.raises(FlowgraphError, match=r"metrics: 'share': "):
        fitted(metrics={"share": lambda targets, predictions: value})
    with pytest.raises(FlowgraphError, match=r"Rates: rate\(1\): "):
        fitted(learning_rate=Rates(value))


def test_a_metric_may_return_any_number():
    metrics = {"one": lambda t, p: np.ones(1, np.float32), "undefined": lambda t, p: np.nan}
    history = fitted(metrics=metrics)
    assert history["train_one"] == [1.0]
    assert math.isnan(history["train_undefined"][0])
