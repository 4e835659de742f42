"""NumPy functions on complex boxes: the value and dtype of NumPy, the gradient of real and imaginary parts."""

import numpy as np
import pytest

import flowgraph as fg

RNG = np.random.default_rng(0)


def plane(*shape):
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


ARRAYS = {"a": plane(3, 4), "b": plane(3, 4), "s": plane(3, 3), "v": plane(4), "u": plane(4)}

CALLS = {
    "cov": lambda a, b, s, v, u: np.cov(a),
    "corrcoef": lambda a, b, s, v, u: np.corrcoef(a),
    "correlate": lambda a, b, s, v, u: np.correlate(v, u, "full"),
    "convolve": lambda a, b, s, v, u: np.convolve(v, u),
    "vdot": lambda a, b, s, v, u: np.vdot(a, b),
    "vecdot": lambda a, b, s, v, u: np.vecdot(a, b),
    "vecmat": lambda a, b, s, v, u: np.vecmat(a[:, 0], a),
    "matvec": lambda a, b, s, v, u: np.matvec(a, v),
    "inner": lambda a, b, s, v, u: np.inner(a, b),
    "outer": lambda a, b, s, v, u: np.outer(v, u),
    "kron": lambda a, b, s, v, u: np.kron(v, u),
    "einsum": lambda a, b, s, v, u: np.einsum("ij,ij->i", a, b),
    "trace": lambda a, b, s, v, u: np.trace(s),
    "cross": lambda a, b, s, v, u: np.cross(a[:, :3], b[:, :3]),
    "multi_dot": lambda a, b, s, v, u: np.linalg.multi_dot([s, a, b.T]),
    "polyval": lambda a, b, s, v, u: np.polyval(v, u),
    "vander": lambda a, b, s, v, u: np.vander(v, 3),
    "float_power": lambda a, b, s, v, u: np.float_power(a, b),
    "var": lambda a, b, s, v, u: np.var(a, axis=0),
    "nanvar": lambda a, b, s, v, u: np.nanvar(a),
    "average": lambda a, b, s, v, u: np.average(a, axis=0, weights=np.array([1.0, 2.0, 3.0])),
    "norm": lambda a, b, s, v, u: np.linalg.norm(a),
    "norm of order 3": lambda a, b, s, v, u: np.linalg.norm(v, 3),
    "largest of a norm": lambda a, b, s, v, u: np.linalg.norm(v, np.inf),
    "nuclear norm": lambda a, b, s, v, u: np.linalg.norm(a, "nuc"),
    "det": lambda a, b, s, v, u: np.linalg.det(s),
    "sign of slogdet": lambda a, b, s, v, u: np.linalg.slogdet(s)[0],
    "slogdet": lambda a, b, s, v, u: np.linalg.slogdet(s)[1],
    "inv": lambda a, b, s, v, u: np.linalg.inv(s),
    "pinv": lambda a, b, s, v, u: np.linalg.pinv(a),
    "solve": lambda a, b, s, v, u: np.linalg.solve(s, a),
    "lstsq": lambda a, b, s, v, u: np.linalg.lstsq(np.conj(a.T), u, rcond=None)[0],
    "eigvals": lambda a, b, s, v, u: np.sum(np.linalg.eigvals(s) ** 3),
    "eigvalsh": lambda a, b, s, v, u: np.linalg.eigvalsh(s + np.conj(s.T)),
    "svdvals": lambda a, b, s, v, u: np.linalg.svdvals(a),
    "cond": lambda a, b, s, v, u: np.linalg.cond(s),
    "cholesky": lambda a, b, s, v, u: np.linalg.cholesky(s @ np.conj(s.T) + np.eye(3)),
    "qr": lambda a, b, s, v, u: np.abs(np.linalg.qr(s)[1]),
    "matrix_power": lambda a, b, s, v, u: np.linalg.matrix_power(s, -2),
    "prod": lambda a, b, s, v, u: np.prod(a, axis=0),
    "cumprod": lambda a, b, s, v, u: np.cumprod(a, axis=0),
    "gradient": lambda a, b, s, v, u: np.gradient(v),
    "trapezoid": lambda a, b, s, v, u: np.trapezoid(a),
    "sort": lambda a, b, s, v, u: np.sort(a),
    "max": lambda a, b, s, v, u: np.max(a),
    "median": lambda a, b, s, v, u: np.median(a),
    "where": lambda a, b, s, v, u: np.where(a.real > 0, a, b),
    "select": lambda a, b, s, v, u: np.select([a.real > 0], [a], b),
    "reciprocal": lambda a, b, s, v, u: np.reciprocal(a),
    "polymul": lambda a, b, s, v, u: np.polymul(v, u),
    "polyint": lambda a, b, s, v, u: np.polyint(v),
}


@pytest.mark.parametrize("name", CALLS)
def test_value_and_gradient(name):
    call, arrays = CALLS[name], list(ARRAYS.values())
    leaves = [fg.Parameter(array, name=letter) for letter, array in ARRAYS.items()]
    output = call(*leaves)
    value, needed = fg.Graph(output).fprop()[output], np.asarray(call(*arrays))
    np.testing.assert_allclose(value, needed, rtol=1e-9, atol=1e-12)
    assert value.dtype == output.dtype == needed.dtype

    rng, step = np.random.default_rng(1), 1e-5
    weights = rng.normal(size=value.shape) + 1j * rng.normal(size=value.shape)

    def loss(*moved):
        return np.sum(np.real(np.conj(weights) * call(*moved)))

    graph = fg.Graph(fg.sum(np.real(np.conj(weights) * output)))
    grads = graph.fprop().bprop()
    for i, leaf in enumerate(leaves):
        if leaf not in graph:
            continue
        direction = rng.normal(size=leaf.shape) + 1j * rng.normal(size=leaf.shape)
        ahead, behind = (
            loss(*(a + sign * step * direction if j == i else a for j, a in enumerate(arrays))) for sign in (1, -1)
        )
        slope = np.sum(np.conj(grads[leaf]) * direction).real
        assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-6, abs=1e-6), leaf.name
