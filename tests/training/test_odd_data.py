"""Odd data are trained as a plain array of the same numbers is, bit for bit, or refused by name; no infinity stays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import DtypeError

rng = np.random.default_rng(0)
X = rng.normal(size=(12, 3)).astype(np.float16).astype(float)  # numbers that float16 has too
Y = (X[:, 0] > 0).astype(int)
WEIGHTS = rng.uniform(0.5, 2.0, size=12)


def trained(x=X, y=Y, epochs=2, batch_size=5, **keywords):
    """The parameters after training, and the history."""
    mlp = fg.MLP([3, 4, 2], hidden="tanh", output="softmax", rng=0)
    history = fg.fit(mlp, (x, y), epochs=epochs, batch_size=batch_size, **keywords)
    return [parameter.value for parameter in (*mlp.weights, *mlp.biases)], history


def frozen(array):
    array = array.copy()
    array.flags.writeable = False
    return array


FORMS = {
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read-only": frozen,
    "float16 or int8": lambda a: a.astype({"f": "f2", "i": "i1"}[a.dtype.kind]),
    "columns first": np.asfortranarray,
    "every other": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "a list": np.ndarray.tolist,
    "a mask that hides nothing": lambda a: np.ma.masked_array(a, mask=False),
}


@pytest.mark.parametrize("form", FORMS)
def test_another_form_of_the_same_numbers_trains_the_same_model(form):
    plain, _ = trained(sample_weight=WEIGHTS)
    for odd in ({"x": FORMS[form](X)}, {"y": FORMS[form](Y)}):
        for value, needed in zip(trained(sample_weight=WEIGHTS, **odd)[0], plain, strict=True):
            np.testing.assert_array_equal(value, needed)


@pytest.mark.parametrize(("name", "part"), [("x", X), ("y", Y), ("sample_weight", WEIGHTS)])
def test_a_mask_that_hides_numbers_is_refused_by_name(name, part):
    with pytest.raises(DtypeError, match=f"^fit: .*{name}.*hides 1 of its"):
        trained(**{name: np.ma.masked_array(part, mask=np.arange(part.size).reshape(part.shape) == 4)})


@settings(max_examples=25, deadline=None)
@given(st.integers(-1000, 1020))
def test_only_the_ratios_of_weights_count_however_large_or_small_they_are(power):
    plain, _ = trained(sample_weight=WEIGHTS)
    for value, needed in zip(trained(sample_weight=np.ldexp(WEIGHTS, power))[0], plain, strict=True):
        np.testing.assert_array_equal(value, needed)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=10, deadline=None)
@given(
    st.floats(1e150, 1e308), st.sampled_from(["sgd", "momentum", "adam"]), st.integers(1, 3),
    st.sampled_from([None, (X, Y)]), st.sampled_from([3, 12, 100]),
)  # fmt: skip
def test_a_model_that_diverges_keeps_its_last_finite_parameters(rate, rule, epochs, valid, batch_size):
    values, history = trained(
        learning_rate=rate, rule=rule, epochs=epochs, valid=valid, batch_size=batch_size, l2=1.0, checks=False
    )
    assert all(np.isfinite(value).all() for value in values), history.ended
    before = fg.MLP([3, 4, 2], hidden="tanh", output="softmax", rng=0)
    if all(np.array_equal(new, old.value) for new, old in zip(values, (*before.weights, *before.biases), strict=True)):
        assert "finite" in history.ended or "objective is" in history.ended
