"""Vectors of words from their neighbours: skip-grams with negative sampling.

Source: Mikolov, Sutskever, Chen, Corrado and Dean, Distributed representations of words and phrases (2013). Sentences
are drawn: each is about one topic, and the vectors find the words' topics.
"""

import numpy as np

import flowgraph as fg

FIGURE = "share of words whose nearest word is of their topic"
TOPICS, SIZE, NEGATIVE, RATE = 5, 16, 5, 0.05


def pairs(small):
    """A word, a neighbour, and other words: the last are drawn from all."""
    rng = np.random.default_rng(0)
    words = 10 if small else 40
    for _ in range(20 if small else 2000):
        topics = rng.integers(0, TOPICS, 32)[:, None]
        own = topics + TOPICS * rng.integers(0, words, (32, 2))  # the topic of word number i is i modulo TOPICS
        noise = rng.random((32, 2)) < 0.2
        own = np.where(noise, rng.integers(0, TOPICS * words, (32, 2)), own)
        yield own[:, 0], np.column_stack([own[:, 1], rng.integers(0, TOPICS * words, (32, NEGATIVE))])


def start(small):
    words = TOPICS * (10 if small else 40)
    return np.random.default_rng(1).uniform(-0.5, 0.5, (words, SIZE)) / SIZE, np.zeros((words, SIZE))


def nearest_of_topic(vectors):
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = np.argmax(units @ units.T - 2 * np.eye(len(units)), axis=1)
    return np.mean(nearest % TOPICS == np.arange(len(units)) % TOPICS)


def network(small):
    word, others = fg.Input("word", shape=("N",), dtype=int), fg.Input("others", shape=("N", 1 + NEGATIVE), dtype=int)
    inside, outside = (fg.Parameter(value, name=n) for n, value in zip(("in", "out"), start(small), strict=True))
    scores = np.einsum("nd,nkd->nk", inside[word], outside[others])
    return fg.sum(fg.softplus(-scores[:, 0])) + fg.sum(fg.softplus(scores[:, 1:])), inside, outside


def main(small=False):
    loss, inside, outside = network(small)
    grads = dict(zip((inside, outside), fg.gradient(loss, [inside, outside]), strict=True))
    step = fg.compile(loss, updates=fg.SGD().updates(grads, RATE))
    losses = [step(word=word, others=others) for word, others in pairs(small)]
    return losses[0], losses[-1], np.sum(inside.value**2), nearest_of_topic(inside.value)


def picture():
    return fg.Graph(network(small=True)[0])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
