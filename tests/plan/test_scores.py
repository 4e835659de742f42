"""Plans of scores of a few classes, for labels and reductions drawn at random, give the numbers of the graph."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from tests.plan.agreement import assert_agree

ROWS = (1, 3, 40, 300)
STEPS = (np.sin, np.tanh, lambda a: a * 2.0, lambda a: a - 1.0, fg.softmax, lambda a: a.T.T, lambda a: np.exp(-a * a))


def heads(random, scores, labels, rows):
    """What a model makes of scores: a loss, the score at each label, the best of each row."""
    return random.choice([
        lambda: fg.SoftmaxCrossEntropy(scores, labels), lambda: fg.mean(fg.SoftmaxCrossEntropy(scores, labels)),
        lambda: fg.NegativeLogLikelihood(fg.softmax(scores), labels), lambda: scores[np.arange(rows), labels],
        lambda: np.max(scores, axis=1), lambda: np.min(scores, axis=-1, keepdims=True), lambda: np.sum(scores, axis=1),
        lambda: fg.logsumexp(scores, axis=1), lambda: scores - np.max(scores, axis=1)[:, None],
        lambda: scores.reshape((-1,))[labels], lambda: np.sum(scores, axis=0), lambda: np.argmax(scores, axis=1),
    ])()  # fmt: skip


@settings(max_examples=settings().max_examples // 2)
@given(st.randoms(use_true_random=True))
def test_plans_of_scores_give_the_numbers_of_the_graph(random):
    rows, classes = random.choice(ROWS), random.randint(1, 4)
    x, given_scores = fg.Input("x", shape=(rows, 5)), fg.Input("given", shape=(rows, classes))
    labels = fg.Input("labels", shape=(rows,), dtype=int)
    w = fg.Parameter(np.linspace(-1, 1, 5 * classes).reshape(5, classes), name="w")
    pool = [x @ w, x @ w + fg.Parameter(np.linspace(0, 1, classes), name="b"), np.cos(given_scores)]
    for _ in range(random.randint(0, 4)):
        a = random.choice(pool)
        pool.append(random.choice([random.choice(STEPS)(a), a + random.choice(pool), a * random.choice(pool)]))
    made = [heads(random, random.choice(pool), labels, rows) for _ in range(random.randint(1, 4))]
    floats = [box for box in made if box.dtype.kind == "f"]
    slopes = fg.gradients([sum((fg.sum(box) for box in floats), fg.sum(x))], [w, x], [None], unused="zeros")
    graph = fg.Graph(*made, *slopes)
    rng = np.random.default_rng(random.randrange(2**32))
    feeds = {"x": rng.normal(size=x.shape), "given": rng.normal(size=given_scores.shape),
             "labels": rng.integers(0, classes, rows)}  # fmt: skip
    feeds = {name: value for name, value in feeds.items() if name in graph}
    plan = fg.compile(graph)
    for one, box, other in zip(plan(feeds), graph.outputs, graph.fprop(feeds).outputs, strict=True):
        assert_agree(one, other, f"{box.title}\n{plan.source}", 100.0)
