"""Independent values of activations, losses, regularizers and resizing: number by number."""

import math

import numpy as np

from tests.values.elementwise import each


def softmax(a, axis):
    axes = (axis,) if isinstance(axis, int) else range(a.ndim) if axis is None else axis
    largest = np.array(a, dtype=np.longdouble)
    total = np.zeros_like(largest)
    for index in np.ndindex(a.shape):
        row = tuple(slice(None) if i in {x % a.ndim for x in axes} else one for i, one in enumerate(index))
        total[index] = sum(np.exp(np.longdouble(x)) for x in np.ravel(a[row]))
    return (np.exp(largest) / total).astype(float)


def per_example(f, targets):
    result = np.zeros(f.shape[:-1])
    for example in np.ndindex(result.shape):
        if targets.ndim < f.ndim:
            result[example] = -math.log(f[example][targets[example]])
        else:
            terms = zip(targets[example], f[example], strict=True)
            result[example] = sum(-t * math.log(p) for t, p in terms if t)
    return result


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


def _along(row, wanted, scale, mode, coordinates, rounding, cubic, exclude_outside):
    count = len(row)
    at = {
        "asymmetric": lambda i: i / scale,
        "half_pixel": lambda i: (i + 0.5) / scale - 0.5,
        "align_corners": lambda i: i * (count - 1) / (wanted - 1) if wanted > 1 else 0.0,
    }[coordinates]

    def weight(x):
        if mode == "linear":
            return max(1 - abs(x), 0)
        if abs(x) <= 1:
            return (cubic + 2) * abs(x) ** 3 - (cubic + 3) * abs(x) ** 2 + 1
        return cubic * (abs(x) ** 3 - 5 * abs(x) ** 2 + 8 * abs(x) - 4) if abs(x) < 2 else 0

    def value(x):
        if mode == "nearest":
            place = math.floor(x) if rounding == "floor" else math.ceil(x - 0.5)
            return row[min(max(place, 0), count - 1)]
        near = range(math.floor(x) - 1, math.floor(x) + 3)
        used = {k: weight(x - k) for k in near if 0 <= k < count or not exclude_outside}
        total = sum(used.values()) if exclude_outside else 1
        return sum(w * row[min(max(k, 0), count - 1)] for k, w in used.items()) / total

    return np.array([value(at(i)) for i in range(wanted)])


def resize(a, *, size, scale, mode, coordinates, rounding, cubic, exclude_outside):
    first = a.ndim - len(size or scale)
    for place, axis in enumerate(range(first, a.ndim)):
        count = a.shape[axis]
        wanted = size[place] if size else math.floor(count * scale[place])
        step = scale[place] if scale else wanted / count
        a = np.apply_along_axis(_along, axis, a, wanted, step, mode, coordinates, rounding, cubic, exclude_outside)
    return a


def resize_input(g, like, **settings):
    """The sum of what each element of the input adds, found by resizing one element at a time."""
    found = np.zeros(like.shape, g.dtype)
    for place in np.ndindex(like.shape):
        unit = np.zeros(like.shape)
        unit[place] = 1
        found[place] = np.sum(resize(unit, **settings) * g)
    return found


VALUES = {
    "NormalCdf": each(lambda x: (1 + math.erf(x / math.sqrt(2))) / 2),
    "Sigmoid": each(lambda x: (1 + math.tanh(x / 2)) / 2),
    "ReLU": each(lambda x: x if x > 0 else 0.0),
    "LeakyReLU": each(lambda x, slope: x if x > 0 else slope * x),
    "ELU": each(lambda x, alpha: x if x > 0 else alpha * (math.exp(x) - 1)),
    "Softplus": each(lambda x: math.log(1 + math.exp(x))),
    "GELU": each(
        lambda x, approximate: (
            x * (1 + math.erf(x / math.sqrt(2))) / 2
            if approximate == "none"
            else x / (1 + math.exp(-2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        )
    ),
    "SiLU": each(lambda x: x / (1 + math.exp(-x))),
    "Softmax": softmax,
    "LogSoftmax": lambda a, axis: np.log(softmax(a, axis)),
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
    "L1": lambda *weights: sum(float(w) if w > 0 else -float(w) for W in weights for w in W.flat),
    "L2": lambda *weights: sum(float(w) ** 2 for W in weights for w in W.flat),
    "Resize": resize,
    "ResizeInput": resize_input,
}
