"""Shape, product and indexing boxes together: attention over a batch of sequences, against autograd."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import flowgraph as fg


def attention(numpy, x, weights, heads):
    """The mean square of what each place of a sequence reads from the others."""

    def split(a):
        return numpy.transpose(numpy.reshape(a, (a.shape[0], a.shape[1], heads, -1)), (0, 2, 1, 3))

    queries, keys, values = (split(numpy.matmul(x, W)) for W in weights)
    scores = numpy.einsum("bhqd,bhkd->bhqk", queries, keys)
    read = numpy.reshape(numpy.transpose(numpy.matmul(scores, values), (0, 2, 1, 3)), x.shape)
    return numpy.mean(numpy.tanh(read[:, 1:]) ** 2)


@pytest.mark.parametrize("batch", [(3, 5), (1, 2)])
def test_one_graph_for_every_batch_and_length(batch):
    rng = np.random.default_rng(0)
    weights = [fg.Parameter(rng.normal(size=(8, 8)) / 8, name=name) for name in ("Q", "K", "V")]
    x = fg.Input("x", shape=("B", "T", 8))
    loss = attention(np, x, weights, heads=2)
    built = fg.Graph(*fg.gradient(loss, weights))
    array = rng.normal(size=(*batch, 8))
    grads = fg.Graph(loss).fprop(x=array).bprop()
    reference = autograd.grad(lambda arrays: attention(anp, array, arrays, heads=2))([W.value for W in weights])
    for W, needed, again in zip(weights, reference, built.fprop(x=array).outputs, strict=True):
        np.testing.assert_allclose(grads[W], needed, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(again, needed, rtol=1e-10, atol=1e-14)
