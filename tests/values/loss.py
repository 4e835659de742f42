"""Independent values of the losses: example by example and class by class."""

import math

import numpy as np

from tests.values.activation import softmax


def per_example(f, targets):
    result = np.zeros(f.shape[:-1])
    for example in np.ndindex(result.shape):
        if targets.ndim < f.ndim:
            result[example] = -math.log(f[example][targets[example]])
        else:
            terms = zip(targets[example], f[example], strict=True)
            result[example] = sum(-t * math.log(p) for t, p in terms if t)
    return result


def each(function):
    return lambda f, targets, **settings: np.vectorize(
        lambda x, y: function(float(x), float(y), **settings), otypes=[float]
    )(f, targets)


def one_hot(labels, like):
    result = np.zeros(like.shape)
    for example in np.ndindex(labels.shape):
        result[(*example, labels[example])] = 1
    return result


def places_of(labels, like, columns):
    """Where the ones of e(y) are, one for each label, in an array with the classes last or first."""
    rows = one_hot(labels, like).reshape(-1, like.shape[-1])
    read = (rows.T if columns else rows).reshape(-1)
    owner = np.arange(rows.size).reshape(rows.shape) // rows.shape[1]
    owner = (owner.T if columns else owner).reshape(-1)
    return np.flatnonzero(read)[np.argsort(owner[np.flatnonzero(read)])]


VALUES = {
    "OneHot": one_hot,
    "PlacesOf": places_of,
    "PlaceOf": lambda labels, like: np.argmax(one_hot(labels.reshape(-1), like.reshape(1, -1))),
    "MinusAt": lambda a, places, amount: a - amount * np.bincount(places % a.size, minlength=a.size).reshape(a.shape),
    "NegativeLogLikelihood": per_example,
    "SoftmaxCrossEntropy": lambda logits, targets: per_example(softmax(logits, -1), targets),
    "BinaryCrossEntropy": each(
        lambda a, y: -y * math.log(1 / (1 + math.exp(-a))) - (1 - y) * math.log(1 / (1 + math.exp(a)))
    ),
    "SquaredError": each(lambda f, y: f**2 - 2 * f * y + y**2),
    "AbsoluteError": each(lambda f, y: max(f - y, y - f)),
    "Huber": each(lambda f, y, delta: (f - y) ** 2 / 2 if abs(f - y) <= delta else delta * abs(f - y) - delta**2 / 2),
    "Hinge": each(lambda f, y: 0.0 if y * f >= 1 else 1 - y * f),
}
