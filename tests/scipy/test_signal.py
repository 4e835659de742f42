"""Convolutions and correlations of scipy.signal on boxes: its values, and gradients that differences find right."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.functional import grad
from flowgraph.interop.autograd import check_grads
from flowgraph.scipy import signal
from tests.scipy.test_linalg import drawn

MODES = st.fixed_dictionaries({"mode": st.sampled_from(signal.MODES)})
EDGES = st.fixed_dictionaries(
    {"mode": st.sampled_from(signal.MODES), "boundary": st.sampled_from(["fill", "wrap", "symm"])},
    optional={"fillvalue": st.sampled_from([0.0, 1.5])},
)
METHODS = st.fixed_dictionaries(
    {"mode": st.sampled_from(signal.MODES), "method": st.sampled_from(["auto", "fft", "direct"])}
)


@pytest.mark.parametrize(
    ("name", "ranks", "words"),
    [
        ("correlate", (1, 3), METHODS),
        ("fftconvolve", (1, 3), MODES),
        ("convolve2d", (2, 2), EDGES),
        ("correlate2d", (2, 2), EDGES),
    ],
)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_functions_of_scipy(name, ranks, words, data):
    rank, chosen = data.draw(st.integers(*ranks)), data.draw(words)
    sizes = [data.draw(st.tuples(*[st.integers(1, 4)] * rank)) for _ in range(2)]
    larger = [a >= b for a, b in zip(*sizes, strict=True)], [a <= b for a, b in zip(*sizes, strict=True)]
    assume(chosen["mode"] != "valid" or all(larger[0]) or all(larger[1]))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    a, b = (drawn(rng, data.draw(st.sampled_from([float, complex])), *size) for size in sizes)
    if name == "fftconvolve" and data.draw(st.booleans()):
        axis = data.draw(st.integers(-rank, rank - 1))
        b = b[tuple(slice(None) if i == axis % rank else slice(1) for i in range(rank))]
        chosen = {**chosen, "axes": axis}
    ours, theirs = getattr(signal, name), getattr(scipy.signal, name)
    wanted = theirs(a, b, **chosen)
    inputs = fg.Input("a", shape=a.shape, dtype=a.dtype), fg.Input("b", shape=b.shape, dtype=b.dtype)
    found = fg.Graph(ours(*inputs, **chosen)).fprop(a=a, b=b).outputs[0]
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    np.testing.assert_array_equal(ours(a, b, **chosen), wanted)  # arrays are handed to SciPy
    check_grads(lambda a, b: ours(a, b, **chosen), (0, 1))(a, b)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda a: signal.fftconvolve(a, a, mode="half"), "found mode='half', needs one of full, valid, same"),
        (
            lambda a: signal.convolve2d(a, a, boundary="reflect"),
            "found boundary='reflect', needs one of fill, wrap, symm",
        ),
        (lambda a: signal.fftconvolve(a, a, axes=[0, 0]), r"found the axes \[0, 0\] of A"),
    ],
)
def test_what_is_not_there_is_refused(call, text):
    with pytest.raises(UsageError, match=text):
        grad(lambda a: np.sum(call(a)))(np.eye(2))


def test_the_rest_is_scipys():
    assert signal.hilbert is scipy.signal.hilbert
    assert "hilbert" in dir(signal)
