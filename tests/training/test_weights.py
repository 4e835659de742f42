"""Decay and the proximal step act on weights of any shape, never on biases; what acts on nothing is refused."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.training import Problem, Rule, Trainer
from flowgraph.training.objective import mlp_problem
from flowgraph.training.weights import local_dependence, uses
from tests.releases import is_older
from tests.training.rules_by_hand import RATE, STATES, adam, adamw

RNG = np.random.default_rng(0)
QUIET = {"checks": False, "progress": False}

x = fg.Input("x", shape=("N", 3))
number = fg.Input("number", shape=("N",), dtype=int)
images = fg.Input("images", shape=("N", 1, 6, 6))


def parameter(name, *shape):
    return fg.Parameter(RNG.normal(size=shape), name=name)


class Scale(fg.Box):
    """A user's product, by a bprop that runs on boxes."""

    def fprop(self, a, s):
        return a * s

    def bprop(self, grad, h, a, s):
        return grad * s, grad * a


class ScaleByLoop(fg.Box):
    """The same by a loop over numbers, which says nothing of what it is made of."""

    def fprop(self, a, s):
        return a * s

    def bprop(self, grad, h, a, s):
        def product(one, other):
            pairs = zip(*(each.reshape(-1) for each in np.broadcast_arrays(one, other)), strict=True)
            return np.array([float(p) * float(q) for p, q in pairs]).reshape(grad.shape)

        return product(grad, s), product(grad, a)


class Shifted(fg.Box):
    """A sum with a product: one box in which neither parameter is multiplied by the input."""

    def fprop(self, a, s, t):
        return a + s * t

    def bprop(self, grad, h, a, s, t):
        return grad, grad * t, grad * s


w, b = parameter("w", 3), parameter("b")
W, c, U = parameter("W", 3, 2), parameter("c", 2), parameter("U", 2, 4)
E, K, R, s = parameter("E", 5, 3), parameter("K", 2, 1, 3, 3), parameter("R", 2, 2), fg.Parameter(0.5, name="s")
shift, start, v = parameter("shift", 2, 1, 1), parameter("start", 1, 2), parameter("v", 2)
V = parameter("V", 3, 2)
SPLIT = np.split(W, [1], axis=0)
NOISE = fg.Random(lambda generator, shape: generator.random(shape), shape=(3, 2), name="noise")

USES = {
    "a vector": (x @ w + b, "w", "b", ""),
    "np.dot": (np.dot(x, w) + b, "w", "b", ""),
    "a product of numbers": (x * s + w, "s", "w", ""),
    "affine": (fg.Affine(x, W, c), "W", "c", ""),
    "einsum": (np.einsum("nk,kj->nj", x, W) + c, "W", "c", ""),
    "tensordot": (np.tensordot(x, W, 1) - c, "W", "c", ""),
    "convolution": (fg.Conv2d(images, K) + shift, "K", "shift", ""),
    "embedding": (E[number] + w, "E", "w", ""),
    "np.take": (np.take(E, number, axis=0), "E", "", ""),
    "a row of a box": (x @ W[:, 0] + W[0, 1], "W", "", ""),
    "transposed and reshaped": (x @ W.reshape(2, 3).T[:, ::-1], "W", "", ""),
    "joined": (x @ np.concatenate([W, np.expand_dims(w, 1)], 1), "W w", "", ""),
    "split": (x[:, :1] @ SPLIT[0] + np.sum(SPLIT[1]), "W", "", ""),
    "a product of two": (x @ (W @ U), "W U", "", ""),
    "a mask of constants": (x @ (W * np.array([[1.0, 0.0]] * 3)), "W", "", ""),
    "a random mask": (x @ (W * NOISE), "W", "", ""),
    "tied": (np.tanh(x @ W + c) @ W.T + w, "W", "c w", ""),
    "recurrent": (np.tanh(x @ W + np.tanh(x @ W + start @ R) @ R), "W R", "start", ""),
    "of the inputs' shape only": (np.tanh(x @ W + (np.zeros_like(x) + w) @ V), "W", "V w", ""),
    "normalised": (v * ((x @ W) / np.std(x @ W, axis=0)) + c, "W v", "c", ""),
    "a learnt slope": (np.where(x @ W > 0, x @ W, v * (x @ W)), "W v", "", ""),
    "a bias that a function makes": (x @ w + np.exp(b), "w", "b", ""),
    "a parameter beside the inputs": (np.concatenate([x, fg.Constant(np.zeros((1, 3))) + w]), "", "w", ""),
    "a place": (x - w, "", "w", ""),
    "a user's box": (Scale(x, w), "w", "", ""),
    "a product beside the inputs": (Shifted(x, w, s), "", "w s", ""),
    "a square beside the inputs": (Shifted(x, w, w), "", "w", ""),
    "a divisor": (x @ w / s, "w", "", "s"),
    "an exponential as a factor": (x @ w * np.exp(-s), "w", "", "s"),
    "an exponent": (np.abs(x @ w) ** s, "w", "", "s"),
    "a threshold": (np.maximum(x @ w, s), "w", "", "s"),
    "divided by its norm": (x @ (W / np.sqrt(np.sum(W * W))), "", "", "W"),
    "a user's box that runs on arrays": (ScaleByLoop(x, w), "", "", "w"),
}


@pytest.mark.parametrize("case", USES)
def test_weights_and_biases_are_read_off_the_graph(case):
    box, *needed = USES[case]
    graph = fg.Graph(fg.mean(box**2))
    found = {"FACTOR": "", "ADDED": "", "UNCLEAR": ""}
    for one, use in uses(graph, graph.parameters).items():
        found[use.use.name] += f" {one.name}"
    assert [set(names.split()) for names in found.values()] == [set(names.split()) for names in needed]


@pytest.mark.parametrize("case", USES)
def test_a_regularizer_does_not_change_what_they_are(case):
    graph = fg.Graph(fg.mean(USES[case][0] ** 2))
    whole = fg.Graph(graph.outputs[0] + 0.1 * fg.L2(*graph.parameters) + 0.1 * fg.L1(*graph.parameters))
    before, after = (uses(one, graph.parameters) for one in (graph, whole))
    assert {p: use for p, (use, _) in before.items()} == {p: use for p, (use, _) in after.items()}


@pytest.mark.parametrize("output", ["linear", "softmax", "sigmoid", "log_softmax"])
@pytest.mark.parametrize("hidden", ["tanh", "relu", "gelu", "linear", fg.softmax])
def test_those_of_a_network_are_its_weights(hidden, output):
    mlp = fg.MLP([3, 4, 4, 2], hidden=hidden, output=output, dropout=0.3, rng=0)
    targets = np.zeros(5, int) if "softmax" in output else np.zeros((5, 2))
    problem = mlp_problem(mlp, targets, l1=0.1, l2=0.1)
    assert {id(one) for one in problem.weights("AdamW")} == {id(one) for one in mlp.weights}


def test_a_gradient_that_needs_only_the_shape_of_a_child_does_not_depend_on_it():
    added = x + w
    assert local_dependence(added, w) == set()
    assert local_dependence(x * w, w) == {x}
    assert local_dependence(np.maximum(x, w), w) == {x, w}
    assert local_dependence(E[number] > 0, E[number]) is None


def by_hand(values, grads, decayed, steps=5):
    """AdamW in NumPy, on a dict of arrays; the gradients are asked for in each step."""
    memory = {name: dict.fromkeys(STATES, 0.0) for name in values}
    for t in range(1, steps + 1):
        slopes = grads(values)
        values = {
            name: (adamw if name in decayed else adam)(value, slopes[name], memory[name], t)
            for name, value in values.items()
        }
    return values


@pytest.mark.parametrize(
    ("named", "decayed"), [(None, {"w"}), (["w"], {"w"}), (["w", "b"], {"w", "b"}), (["b"], {"b"})]
)
def test_adamw_decays_a_vector_of_weights_as_by_hand(named, decayed):
    """Once only what had two axes or more decayed, so that a vector of weights did not."""
    w, b, t = fg.Parameter([1.0, -2.0, 3.0], name="w"), fg.Parameter(0.7, name="b"), fg.Input("t", shape=("N",))
    data = {x: RNG.normal(size=(20, 3)), t: RNG.normal(size=20)}
    start = {"w": np.array(w.value), "b": np.array(b.value)}

    def grads(values):
        residual = data[x] @ values["w"] + values["b"] - data[t]
        return {"w": 2 * data[x].T @ residual / 20, "b": 2 * residual.mean()}

    parameters = None if named is None else [{"w": w, "b": b}[name] for name in named]
    rule = fg.AdamW(0.8, 0.9, 1e-3, decay=0.25, parameters=parameters)
    fg.fit(
        fg.mean(fg.SquaredError(x @ w + b, t)), data, rule=rule, learning_rate=RATE, batch_size=None, epochs=5, **QUIET
    )
    for name, value in by_hand(start, grads, decayed).items():
        np.testing.assert_allclose({"w": w, "b": b}[name].value, value, rtol=1e-10)


def test_the_bias_of_a_convolution_does_not_decay_whatever_its_axes():
    K, shift = fg.Parameter(np.ones((2, 1, 3, 3)), name="K"), fg.Parameter(np.ones((2, 1, 1)), name="shift")
    objective = 0 * fg.mean(fg.Conv2d(images, K) + shift)
    fg.fit(objective, {images: np.ones((4, 1, 6, 6))}, rule=fg.AdamW(decay=0.5), learning_rate=0.1, epochs=3, **QUIET)
    np.testing.assert_allclose(K.value, 0.95**3)
    assert (shift.value == 1).all()


@pytest.mark.parametrize("strength", [0.01, 0.03, 0.1])
def test_l1_of_a_vector_gives_the_zeros_of_scikit_learn(strength):
    """Logistic regression with a weight vector: the same zeros, the same objective, the intercept left alone.

    scikit-learn minimises |w|₁ + C Σ losses, so that C = 1 / (N l1).
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 30))
    y = (X[:, :5] @ [2.0, -2.0, 1.5, 1.0, -1.0] + 1 + rng.normal(size=200) > 0).astype(float)
    asked = {"penalty": "l1"} if is_older("scikit-learn", "1.8") else {"l1_ratio": 1}
    peer = LogisticRegression(C=1 / (200 * strength), **asked, solver="saga", tol=1e-9, max_iter=20_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.fit(X, y)
    a, t = fg.Input("a", shape=("N", 30)), fg.Input("t", shape=("N",))
    w, b = fg.Parameter(np.zeros(30), name="w"), fg.Parameter(0.0, name="b")
    objective = fg.mean(fg.BinaryCrossEntropy(a @ w + b, t))
    rule = fg.Proximal(fg.SGD(), l1=strength)
    data = {a: X, t: y}
    best = fg.fit(objective, data, data, rule=rule, learning_rate=2.0, batch_size=None, epochs=1500, **QUIET).best

    def value(weights, intercept):
        margins = (2 * y - 1) * (X @ weights + intercept)
        return np.mean(np.log1p(np.exp(-margins))) + strength * np.abs(weights).sum()

    assert 5 < np.sum(w.value == 0) < 30
    assert np.array_equal(w.value == 0, peer.coef_[0] == 0)
    assert value(w.value, b.value) == pytest.approx(value(peer.coef_[0], peer.intercept_[0]), abs=1e-6)
    np.testing.assert_allclose(w.value, peer.coef_[0], atol=1e-3)
    assert best.valid_objective == pytest.approx(value(w.value, b.value), rel=1e-12), "L1 is minimised, and so shown"
    assert best.train_objective == pytest.approx(best.valid_objective, abs=1e-6)
    assert best.valid_loss == pytest.approx(value(w.value, b.value) - strength * np.abs(w.value).sum(), rel=1e-12)


@pytest.mark.parametrize("rule", [fg.Proximal(fg.Momentum(0.5), 0.1), fg.AdamW()], ids=lambda rule: rule.name)
def test_what_would_act_on_nothing_is_refused(rule):
    place = fg.Parameter(np.zeros(3), name="place")
    data = {x: np.ones((4, 3))}
    with pytest.raises(
        UsageError, match=rf"{rule.name}: found no weights in the objective, none of its .*\(place\) is"
    ):
        fg.fit(fg.mean((x - place) ** 2), data, rule=rule, **QUIET)
    with pytest.raises(
        UsageError, match=rf"{rule.name}: found parameters \(place\) of which it does not know the weig"
    ):
        rule.updates({place: place * 1.0}, fg.Input("rate"))


def test_a_parameter_that_is_neither_is_refused_with_the_line_where_it_enters():
    w, scale = fg.Parameter(np.ones(3), name="w"), fg.Parameter(1.0, name="scale")
    objective = fg.mean((x @ w / scale) ** 2)
    data = {x: np.ones((4, 3))}
    with pytest.raises(
        UsageError,
        match=r"(?s)AdamW: found Parameter 'scale', which enters Divide .*parameters=\[w, ...\].*test_weights",
    ):
        fg.fit(objective, data, rule="adamw", **QUIET)
    fg.fit(objective, data, rule=fg.AdamW(decay=0.0), epochs=1, **QUIET)
    before = float(scale.value)
    fg.fit(0 * objective, data, rule=fg.AdamW(decay=0.5, parameters=[w]), learning_rate=0.1, epochs=1, **QUIET)
    assert float(scale.value) == before


@pytest.mark.parametrize("make", [lambda p: fg.AdamW(parameters=p), lambda p: fg.Proximal(fg.SGD(), 0.1, parameters=p)])
def test_the_parameters_to_act_on_are_checked(make):
    w, other = fg.Parameter(np.ones(3), name="w"), fg.Parameter(np.ones(3), name="other")
    assert make(w).parameters == make([w, w]).parameters == (w,)
    for wrong in ([], ()):
        with pytest.raises(UsageError, match=r"found parameters=\[\], on which it would not act at all"):
            make(wrong)
    for wrong in ([x], "w", 3, [3.0], fg.MLP([2, 2])):
        with pytest.raises(UsageError, match=r"(AdamW|Proximal): found parameters=.*, needs a list of parameters"):
            make(wrong)
    with pytest.raises(UsageError, match=r"found Parameter 'other' among parameters=, which is not trained; .*: w"):
        fg.fit(fg.mean((x @ w) ** 2), {x: np.ones((4, 3))}, rule=make([w, other]), **QUIET)


def test_no_strength_needs_no_weights():
    place = fg.Parameter(np.zeros(3), name="place")
    objective, data = fg.mean((x - place) ** 2), {x: np.ones((4, 3))}
    for rule in (fg.Proximal(fg.SGD(), 0.0), fg.AdamW(decay=0)):
        fg.fit(objective, data, rule=rule, epochs=1, **QUIET)


def test_a_rule_is_drawn_on_a_weight_and_other_rules_ask_for_none():
    assert len(fg.AdamW(decay=0.1).graph()) > len(fg.AdamW(decay=0.0).graph())
    assert len(fg.Proximal(fg.SGD(), 0.1).graph()) > len(fg.SGD().graph())
    mine = Rule()
    assert not mine.needs_weights
    assert mine.of_weights([w]) is mine


def test_a_state_says_which_parameters_decay():
    w, v = fg.Parameter(np.ones(3), name="w"), fg.Parameter(np.ones(3), name="v")
    objective, data = fg.mean((x @ w + x @ v) ** 2), {x: np.ones((4, 3))}
    state = Trainer(objective, data, rule=fg.AdamW(parameters=[w])).state()
    Trainer(objective, data, rule=fg.AdamW(parameters=[w])).restore(state)
    with pytest.raises(UsageError, match="found a state with rule"):
        Trainer(objective, data, rule=fg.AdamW(parameters=[v])).restore(state)


def test_a_regularizer_of_nothing_that_is_trained_is_refused():
    w, frozen = fg.Parameter(np.ones(3), name="w"), fg.Parameter(np.ones(3), name="frozen")
    risk = fg.mean((x @ w) ** 2)
    for regularizer in (fg.L2, fg.L1):
        with pytest.raises(UsageError, match=rf"{regularizer.__name__}: found no weights, needs one or more"):
            regularizer()
        with pytest.raises(
            UsageError, match=r"which depends on no parameter that is trained, so that it regularizes n"
        ):
            Problem(risk + 0.1 * regularizer(fg.Constant([1.0])))
        with pytest.raises(UsageError, match=r"which depends on no parameter that is trained"):
            Problem(risk + 0.1 * regularizer(frozen), updates={frozen: frozen * 1.0})
        Problem(risk + 0.1 * regularizer(x @ w))
    with pytest.raises(UsageError, match=r"objective: found the regularizer L2.* without a strength; needs strength="):
        fg.objective((x @ w) ** 2, fg.L2(w))
    assert float(fg.Graph(fg.objective((x @ w) ** 2, fg.L2(w), 0.0)).fprop({x: np.ones((1, 3))})) == 9.0
