"""Networks, as autograd's users write them."""

import itertools

from tests.interop.ports.modules import port


@port
def long_short_term_memory(m):
    """A loop over time, rows of a three-axis array, and a dict of weights."""
    np, logsumexp = m.np, m.special.logsumexp
    rs = m.npr.RandomState(0)
    names = ("change", "forget", "ingate", "outgate")
    params = {name: rs.randn(9, 4) * 0.1 for name in names} | {"out": rs.randn(5, 4) * 0.1, "start": rs.randn(1, 4)}
    data = np.array(rs.randint(0, 4, (6, 3))[:, :, None] == np.arange(4), dtype=float)

    def gate(weights, *parts):
        return np.dot(np.hstack((*parts, np.ones((parts[0].shape[0], 1)))), weights)

    def sigmoid(x):
        return 0.5 * (np.tanh(x) + 1)

    def loss(p, i):
        h = c = np.repeat(p["start"], data.shape[1], axis=0)
        total = 0.0
        for t, now in enumerate(data):
            scores = gate(p["out"], h)
            total += np.sum((scores - logsumexp(scores, axis=1, keepdims=True)) * data[t])
            c = c * sigmoid(gate(p["forget"], now, h)) + sigmoid(gate(p["ingate"], now, h)) * np.tanh(
                gate(p["change"], now, h)
            )
            h = sigmoid(gate(p["outgate"], now, h)) * np.tanh(c)
        return -total / data.size

    found = m.adam(m.grad(loss), params, step_size=0.1, num_iters=5)
    return loss(found, 0), m.flatten(found)[0]


@port
def minimax_of_two_networks(m):
    """Two gradients in one call, `argnum` a tuple; batch normalisation, and lists of pairs of weights."""
    np = m.np
    rs = m.npr.RandomState(0)

    def network(sizes):
        return [(0.3 * rs.randn(a, b), 0.3 * rs.randn(b)) for a, b in itertools.pairwise(sizes)]

    def predict(params, inputs):
        for W, b in params[:-1]:
            outputs = np.dot(inputs, W) + b
            outputs = (outputs - np.mean(outputs, axis=0, keepdims=True)) / (np.std(outputs, axis=0, keepdims=True) + 1)
            inputs = np.maximum(0, outputs)
        W, b = params[-1]
        return np.dot(inputs, W) + b

    real = rs.randn(7, 3) + 1

    def objective(generator, critic, i):
        fake = predict(generator, rs.rand(7, 2))
        of_real, of_fake = predict(critic, real), predict(critic, fake)
        return np.mean(of_real - np.logaddexp(0, of_real)) - np.mean(of_fake - np.logaddexp(0, of_fake))

    both = m.grad(objective, argnum=(0, 1))
    generator, critic = network([2, 4, 3]), network([3, 4, 1])
    for i in range(4):
        (up, back), (down, again) = m.flatten(generator), m.flatten(critic)
        first, second = (m.flatten(one)[0] for one in both(generator, critic, i))
        generator, critic = back(up + 0.1 * first), again(down - 0.1 * second)
    return m.flatten(generator)[0], m.flatten(critic)[0]


@port
def convolutional_network(m):
    """Convolution by chosen axes, pooling by a reshape."""
    np = m.np
    rs = m.npr.RandomState(0)
    images, filters, W = rs.randn(3, 1, 8, 8), 0.5 * rs.randn(1, 2, 3, 3), 0.3 * rs.randn(18, 2)

    def loss(filters, W):
        found = m.signal.convolve(images, filters, axes=([2, 3], [2, 3]), dot_axes=([1], [0]), mode="valid")
        pooled = np.max(np.max(found.reshape((3, 2, 3, 2, 3, 2)), axis=3), axis=4)
        scores = np.dot(pooled.reshape((3, np.prod(pooled.shape[1:]))), W)
        return np.sum(scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True)))

    return m.grad(loss)(filters, W), m.grad(loss, 1)(filters, W)
