"""Changes of parameters, drawn at random: terms are shared, factors move, and the values are those of the graph."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from tests.plan.agreement import assert_agree

EDGES = (1e-310, 1e-300, 1.0, 1e300)


class Leaves:
    """Two parameters, what their changes read, and numbers that only a run knows."""

    def __init__(self):
        self.w = fg.Parameter(np.linspace(-1, 1, 10).reshape(5, 2), name="w")
        self.b = fg.Parameter(np.linspace(1, 2, 2), name="b")
        self.x, self.g = fg.Input("x", shape=(2, 5)), fg.Input("g", shape=(2, 2))
        self.numbers = [fg.Input(name) for name in ("rate", "c")]
        self.over, self.under = fg.Input("over", shape=(5, 2)), fg.Input("under", shape=(5, 2))

    def feeds(self, random):
        rng = np.random.default_rng(random.randrange(2**32))
        under = random.choice(EDGES) * rng.uniform(0.5, 1.5, (5, 2))
        return {
            "x": rng.uniform(-1, 1, (2, 5)), "g": rng.uniform(-1, 1, (2, 2)), "rate": 0.1, "c": 3.0,
            "under": under, "over": under * rng.uniform(-1, 1, (5, 2)),
        }  # fmt: skip


def one_more(random, leaves, pool):
    """Another term of the shape of w, made of those that there are."""
    a, b, number = random.choice(pool), random.choice(pool), random.choice(leaves.numbers)
    ways = [
        lambda: number * a, lambda: a * number, lambda: a / number, lambda: -a, lambda: a + b, lambda: a - b,
        lambda: leaves.x.T @ (number * leaves.g), lambda: leaves.x.T @ (leaves.x @ a), lambda: a * leaves.w,
        lambda: leaves.over / leaves.under, lambda: a * 0.5, lambda: a / 4.0, lambda: a + number, lambda: a * b,
        lambda: np.sum(leaves.g * number, axis=0) + a, lambda: a[::-1], lambda: a.T.reshape((5, 2)), lambda: np.sin(a),
        lambda: a.T.T * number, lambda: np.broadcast_to(np.sum(a, axis=0) / number, (5, 2)), lambda: a / (2.0 + b * b),
    ]  # fmt: skip
    return random.choice([*ways, *ways[:7]])()


def drawn(random):
    """The leaves, values to return, and the changes: of what they subtract, some is returned."""
    leaves = Leaves()
    pool = [leaves.x.T @ leaves.g, leaves.w, leaves.over / leaves.under]
    for _ in range(random.randint(1, 9)):
        pool.append(one_more(random, leaves, pool))
    pool.append(leaves.numbers[0] * pool[-1])
    changed = {leaves.w: random.choice([np.add, np.subtract])(leaves.w, pool[-1])}
    if random.random() < 0.5:
        changed[leaves.b] = leaves.b - np.sum(random.choice(pool[-3:]), axis=0) * random.choice(leaves.numbers)
    shown = random.sample([box for box in pool[-4:] if box.children], random.randint(0, 2))
    return leaves, [random.choice([box, np.tanh(box), box[1:]]) for box in shown], changed


def ran(leaves, shown, changed, feeds):
    whole = fg.Graph(*shown, *changed.values())
    feeds = {name: value for name, value in feeds.items() if name in whole}
    run = whole.fprop(feeds)
    plan = fg.compile(shown, updates=changed)
    return run, plan, plan(feeds)


@given(st.randoms(use_true_random=True))
def test_updates_of_plans_are_those_of_the_graph(random):
    leaves, shown, changed = drawn(random)
    run, plan, found = ran(leaves, shown, changed, leaves.feeds(random))
    scale = max(float(np.max(np.abs(run[box]))) for box in run.graph if box.children)
    for one, box in zip(found, shown, strict=True):
        assert_agree(one, run[box], plan.source, scale)
    for parameter, box in changed.items():
        assert_agree(parameter.value, run[box], plan.source, scale)


@settings(max_examples=3 * settings().max_examples)
@given(st.randoms(use_true_random=True))
def test_factors_of_changes_never_reach_what_is_returned(random):
    """A change may vanish or overflow where its factor stands, a value that the caller gets may not."""
    leaves, shown, changed = drawn(random)
    feeds = leaves.feeds(random)
    feeds |= {"rate": 1e-200, "x": feeds["x"] * 1e200, "g": feeds["g"] * random.choice([1e-200, 1e-280, 1e200])}
    with np.errstate(all="ignore"):
        run, plan, found = ran(leaves, shown, changed, feeds)
    for one, box in zip(found, shown, strict=True):
        if np.isfinite(run[box]).all():
            assert_agree(one, run[box], plan.source, sum(np.max(np.abs(run[child])) for child in box.children))
