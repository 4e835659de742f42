"""Ratings of films as products of a vector of the user and one of the film, with biases.

Source: Koren, Bell and Volinsky, Matrix factorization techniques for recommender systems (2009). The ratings are drawn.
"""

import numpy as np

import flowgraph as fg

FIGURE = "root mean squared error on ratings that were kept back"
FACTORS, DECAY, RATE = 4, 0.02, 0.05


def ratings(small):
    """Users, films and stars: for training, then kept back."""
    rng = np.random.default_rng(0)
    users, films, count = (20, 15, 200) if small else (1000, 500, 40_000)
    user, film = rng.integers(0, users, count), rng.integers(0, films, count)
    taste, kind = rng.normal(size=(users, 3)), rng.normal(size=(films, 3))
    stars = 3.5 + rng.normal(size=users)[user] / 2 + np.sum(taste[user] * kind[film], axis=1) / 2
    stars = np.clip(np.round(2 * (stars + 0.3 * rng.normal(size=count))) / 2, 0.5, 5)
    cut = count * 9 // 10
    return (user[:cut], film[:cut], stars[:cut]), (user[cut:], film[cut:], stars[cut:])


def start(small):
    rng = np.random.default_rng(1)
    users, films = (20, 15) if small else (1000, 500)
    vectors = 0.1 * rng.normal(size=(users, FACTORS)), 0.1 * rng.normal(size=(films, FACTORS))
    return {"U": vectors[0], "F": vectors[1], "u": np.zeros(users), "f": np.zeros(films)}


def batches(data, small):
    rng = np.random.default_rng(2)
    for _ in range(2 if small else 10):
        order = rng.permutation(len(data[0]))
        for place in range(0, len(order), 50):
            yield [one[order[place : place + 50]] for one in data]


def network(small):
    user, film = fg.Input("user", shape=("N",), dtype=int), fg.Input("film", shape=("N",), dtype=int)
    stars = fg.Input("stars", shape=("N",))
    p = {name: fg.Parameter(value, name=name) for name, value in start(small).items()}
    of_user, of_film = p["U"][user], p["F"][film]
    found = 3.5 + p["u"][user] + p["f"][film] + np.sum(of_user * of_film, axis=1)
    penalty = fg.sum(of_user**2) + fg.sum(of_film**2)  # of the rows that the batch reads, and no others
    return fg.sum((found - stars) ** 2) + DECAY * penalty, fg.mean((found - stars) ** 2), list(p.values())


def main(small=False):
    loss, error, parameters = network(small)
    grads = dict(zip(parameters, fg.gradient(loss, parameters), strict=True))
    step = fg.compile(loss, updates=fg.SGD().updates(grads, RATE / 2))
    train, kept = ratings(small)
    losses = [step(user=i, film=j, stars=r) for i, j, r in batches(train, small)]
    mean = fg.compile(error)(user=kept[0], film=kept[1], stars=kept[2])
    return losses[0], losses[-1], np.sqrt(mean)


def picture():
    return fg.Graph(network(small=True)[0])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
