"""np.fft and signals on boxes beside what test_as_numpy draws: axes without points, sizes that vary, refusals."""

from functools import partial

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from tests.boxes.numpy_calls import assert_every_batch


@pytest.mark.parametrize("backend", ["graph", "numpy"])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
class TestAnAxisWithoutPoints:
    """np.fft.irfft of no points gives memory that it has not written, where the others give zeros."""

    def value(self, box, backend, **feeds):
        return fg.compile([box])(**feeds)[0] if backend == "numpy" else fg.Graph(box).fprop(**feeds)[box]

    @pytest.mark.parametrize("shape", [(0,), (3, 0), (2, 0, 0)])
    @pytest.mark.parametrize("n", [1, 2, 5])
    def test_is_filled_with_zeros(self, name, backend, shape, n):
        a = np.zeros(shape, float if name in ("rfft", "ihfft") else complex)
        x, function = fg.Parameter(a, name="x"), getattr(np.fft, name)
        for given in (x, fg.Input("y", shape=(*shape[:-1], "N"), dtype=a.dtype)):
            box = function(given, n=n)
            needed = function(np.zeros((*shape[:-1], 1), a.dtype), n=n)
            np.testing.assert_array_equal(self.value(box, backend, **({} if given is x else {"y": a})), needed)
        loss = fg.sum(np.abs(function(x, n=n) + 1) ** 2)
        assert fg.Graph(loss).fprop().bprop()[x].shape == fg.gradient(loss, [x])[0].shape == shape

    def test_is_refused_without_a_size(self, name, backend):
        with pytest.raises(fg.FlowgraphError, match=r"axis 1 of \(3, 0\) has no points"):
            getattr(np.fft, name)(fg.Input("x", shape=(3, 0), dtype=float if name in ("rfft", "ihfft") else complex))
        box = getattr(np.fft, name)(fg.Input("y", shape=(3, "N")))
        with pytest.raises((ValueError, fg.FlowgraphError), match=r"no points|data points"):
            self.value(box, backend, y=np.zeros((3, 0)))

    def test_beside_one_with_points(self, name, backend):
        box = getattr(np.fft, name)(fg.Input("y", shape=("N", 4)))
        assert self.value(box, backend, y=np.zeros((0, 4))).shape == (0, box.shape[1])


def test_several_axes_of_which_the_last_has_no_points():
    for function in (np.fft.irfft2, np.fft.irfftn, np.fft.fft2, np.fft.rfft2):
        for shape in ((3, 0), (0, 0), (0, 3)):
            box = function(fg.Constant(np.zeros(shape)), s=(4, 5), axes=(0, 1))
            np.testing.assert_array_equal(fg.Graph(box).fprop()[box], function(np.zeros((3, 3)), s=(4, 5), axes=(0, 1)))


def test_a_size_that_is_not_known_is_refused_as_n():
    x = fg.Input("x", shape=("N",))
    with pytest.raises(fg.FlowgraphError, match=r"found s=\('N',\), needs a tuple, each part a whole number"):
        np.fft.irfft(np.fft.rfft(x), n=x.shape[0])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: np.fft.fft(x, norm="middle"), "Fft: found norm='middle', needs 'backward', 'ortho'"),
        (lambda x: np.fft.fft(x, n=0), "Fft: found the size 0, needs a number from 1"),
        (lambda x: np.fft.fftn(x, s=(2, 3), axes=(0,)), "Fft: found s=.* and axes=.*, needs a size per axis"),
        (lambda x: np.fft.fft(x, axis=3), "Fft.*axis = .*out of bounds"),
        (lambda x: np.fft.rfft(x + 1j), "found complex numbers, needs real ones; np.fft.fft takes both"),
        (lambda x: np.fft.rfftn(x, axes=()), "has no axis to transform"),
        (lambda x: np.fft.irfftn(x, axes=()), "has no axis to transform"),
    ],
)
def test_errors(call, text):
    with pytest.raises(fg.FlowgraphError, match=text):
        call(fg.Input("x", shape=(3, 4)))


def test_half_of_another_size_is_refused():
    with pytest.raises(fg.FlowgraphError, match=r"\(3,\) is not the first half of \(7,\)"):
        fg.boxes.BothHalves(fg.Input("a", shape=(3,)), fg.Input("like", shape=(7,)))
    with pytest.raises(fg.FlowgraphError, match="needs as many axes in both"):
        fg.fit_like(fg.Input("a", shape=(3,)), fg.Input("like", shape=(7, 1)), (0,))


def test_work_of_a_transform():
    row = np.fft.fft(fg.Input("x", shape=("N", 8)))
    assert row.flops(row.shape, row.shape) == "120*N"
    box = np.fft.fft2(fg.Input("a", shape=(4, 8)))
    assert box.flops((4, 8), (4, 8)) == 32 * 5 * 5


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16", "i4", "?"])
def test_the_dtype_does_not_depend_on_the_sizes_and_is_found_without_them(name, dtype):
    transform = getattr(np.fft, name)
    for axes in ((0,), (2,), (0, 1), (2, 0), (0, 1, 2)):
        for s in (None, (7,) * len(axes), (-1,) * len(axes)):
            if name == "rfftn" and dtype.startswith("c"):
                continue
            box = transform(fg.Constant(np.ones((4, 4, 4), dtype)), s=s, axes=axes)
            assert box.dtype == transform(np.ones((4, 4, 4), dtype), s=s, axes=axes).dtype
        large = transform(fg.Input("x", shape=(4, 4, 4)), s=(10**5,) * len(axes), axes=axes)
        assert large.shape[axes[0]] in (10**5, 10**5 // 2 + 1)


KERNEL = np.array([1.0, -2.0, 0.5])


def test_two_signals_that_follow_the_batch():
    assert assert_every_batch(np.convolve, ("N",), ("M",), batches=(1, 7)) == [("M+N-1",)]
    assert assert_every_batch(lambda x: np.correlate(x, x), ("N",), batches=(1, 7)) == [(1,)]
    x, y = fg.Input("x", shape=("N",)), fg.Input("y", shape=("M",))
    for call in (partial(np.convolve, mode="valid"), np.correlate):
        with pytest.raises(UsageError, match=r"signals of . and . elements, and which one is longer is not known"):
            call(x, y)
    with pytest.raises(UsageError, match="mode='same' for N elements"):
        np.convolve(x, x, "same")
    with pytest.raises(ShapeError, match="found 3 elements of v and 2 of a, needs v no longer"):
        fg.Graph(np.convolve(x, KERNEL, "valid")).fprop(x=[1.0, 2.0])


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.convolve(x, KERNEL, "wide"), UsageError, "mode='wide', needs one of valid, same, full"),
        (lambda x: np.convolve(x, np.ones((2, 2))), ShapeError, "needs two one-dimensional arrays that are not empty"),
        (lambda x: np.convolve(x, []), ShapeError, "needs two one-dimensional arrays that are not empty"),
        (lambda x: fg.Correlate(x, np.ones(5)), ShapeError, "found 5 elements of v and 3 of a, needs v no longer"),
        (lambda x: np.unwrap(x, axis=1), ShapeError, "axis"),
        (lambda x: np.unwrap(x, period=0), UsageError, "period=0"),
        (
            lambda x: np.unwrap(x, period=fg.Input("t")),
            UsageError,
            "period=<Input .*, needs a number, such as",
        ),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(KERNEL, name="x"))
