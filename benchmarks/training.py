"""Training against scikit-learn's MLPClassifier: the same architecture, settings, split, epochs and first weights.

One hidden layer of 100 rectified linear units, Adam, batches of 200, the L2 strength of scikit-learn's default; 200
epochs, which is its default too, and 50 for MNIST. Each seed draws a split (70 % to train), first weights and the order
of the examples; the two train in turn. The dtypes are those of the inputs, scikit-learn's / flowgraph's; scikit-learn
computes in what its user loads, usually float64.

"fit" compares the calls to fit, from beginning to end; "watched" the same with a tenth of the examples held out, by
which both keep the best parameters; "to accuracy" the time until the accuracy on the test examples first reaches the
mean that scikit-learn ends with, less one standard error, measured epoch by epoch without the measuring, over the seeds
at which both reach it; "by hand" is how much faster than scikit-learn's fit a training in NumPy is that an expert
wrote for this network alone, which measures no share of wrong classes and no norms of gradients; "products" how much
faster the matrix products of all steps would be alone, the most that is possible; "and plans" counts what a training of
one epoch takes too, in which the plans are made: the most that is possible while that takes as long; "first" is what a
first training of 2 epochs took.

A set is LESS ACCURATE where a paired t-test over the seeds says so: the two train on the same split from the same first
weights, each with its own order of the examples, and the differences of their accuracies have a mean below 0 with
p < 0.01. Their mean alone says little: two trainings of scikit-learn on one split of digits, with other seeds, differ
by 0.4 points (the standard deviation over 16 splits).

    python -m benchmarks training
    python -m benchmarks training --quick                   3 seeds
    python -m benchmarks training --threads 1 --cpu         time of the processor, for a machine that has more to do
    python -m benchmarks training --sets digits --dtypes float32/float32 --seeds 5
    python -m benchmarks training --backend numba           the step as machine code
    python -m benchmarks training --sgd                     gradient descent example by example, without momentum

Machine code takes seconds to be made, once for a network and its shapes; it is kept on the disk, from where the timed
trainings load it, as those of another process do. What the first training took, from an empty disk, is printed too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import ttest_rel
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import flowgraph as fg
from benchmarks.peers.trained_by_hand import trained
from flowgraph import data

HIDDEN, ALPHA, HELD = 100, 1e-4, 0.1
SURE = 0.01
"""The probability, in a paired t-test, below which one is less accurate than the other: a table has up to nine rows."""
SCALES = {"digits": 16.0, "mnist": 255.0}


class Descent(NamedTuple):
    """An update rule, the examples of a step, the learning rate, and the epochs by set."""

    rule: str
    batch: int
    rate: float
    epochs: dict[str, int]


ADAM = Descent("adam", 200, 1e-3, {"digits": 200, "mnist": 50, "breast_cancer": 200})
SGD = Descent("sgd", 1, 1e-2, {"digits": 10, "mnist": 3, "breast_cancer": 20})

clock = time.perf_counter
backend = "numpy"
descent = ADAM


class Training(NamedTuple):
    """What one training took and reached, and what it reached by when; what it took with validation."""

    seconds: float
    watched: float
    accuracy: float
    curve: list[tuple[float, float]]

    def seconds_to(self, accuracy: float) -> float:
        """When the curve first reaches an accuracy; infinite if it does not."""
        return next((seconds for seconds, reached in self.curve if reached >= accuracy), np.inf)


Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def parts(name: str, dtype: str, seed: int) -> Parts:
    """Inputs and labels to train on, and to test on; pixels to 0 - 1, measurements to mean 0 and size 1."""
    examples = data.load_examples(name)
    order = np.random.default_rng(seed).permutation(len(examples))
    train, test = np.split(order, [int(0.7 * len(order))])
    x = examples.x / SCALES[name] if name in SCALES else examples.x - examples.x[train].mean(axis=0)
    x = x if name in SCALES else x / x[train].std(axis=0)
    x = x.astype(dtype)
    return x[train], examples.y[train], x[test], examples.y[test]


def settings_of_scikit_learn(seed: int) -> dict[str, Any]:
    """The settings; all others are the defaults."""
    settings = {"hidden_layer_sizes": (HIDDEN,), "batch_size": descent.batch, "alpha": ALPHA, "random_state": seed}
    return settings | {"solver": descent.rule, "learning_rate_init": descent.rate, "momentum": 0.0}


def first_values(split: Parts, seed: int) -> list[np.ndarray]:
    """Weights and biases from which scikit-learn starts with this seed: those after an epoch of no learning rate."""
    x, y, _, _ = split
    untrained = MLPClassifier(**settings_of_scikit_learn(seed) | {"learning_rate_init": 1e-30})
    untrained.partial_fit(x, y, classes=np.unique(y))
    return [array for pair in zip(untrained.coefs_, untrained.intercepts_, strict=True) for array in pair]


def by_scikit_learn(split: Parts, seed: int, epochs: int) -> Training:
    """`fit` for the time, `partial_fit` epoch by epoch for the curve; both from the same seed."""
    x, y, x_test, y_test = split
    settings = settings_of_scikit_learn(seed)
    seconds = []
    for watched in (True, False):
        whole = MLPClassifier(
            **settings,
            max_iter=epochs,
            n_iter_no_change=epochs,
            tol=0.0,
            early_stopping=watched,
            validation_fraction=HELD,
        )
        start = clock()
        whole.fit(x, y)
        seconds.append(clock() - start)
    curve, spent, single = [], 0.0, MLPClassifier(**settings)
    for _ in range(epochs):
        start = clock()
        single.partial_fit(x, y, classes=np.unique(y))
        spent += clock() - start
        curve.append((spent, single.score(x_test, y_test)))
    return Training(seconds[1], seconds[0], whole.score(x_test, y_test), curve)


def by_flowgraph(split: Parts, seed: int, epochs: int) -> Training:
    """`fg.fit` for the time, with validation, and with a callback that measures after each epoch for the curve."""
    x, y, x_test, y_test = split
    two = int(y.max()) == 1  # for which scikit-learn has one sigmoid output
    outputs = {"sizes": [x.shape[1], HIDDEN, 1 if two else int(y.max()) + 1], "output": "sigmoid" if two else "softmax"}
    examples = (x, y.astype(x.dtype) if two else y)
    first = first_values(split, seed)
    # scikit-learn adds alpha / 2 times the squared weights, divided by the size of the batch.
    settings = {"epochs": epochs, "batch_size": descent.batch, "l2": ALPHA / 2 / descent.batch, "seed": seed}
    settings |= {"rule": descent.rule, "learning_rate": descent.rate, "backend": backend, "progress": False}

    def fit(*callbacks: Any, **more: Any) -> tuple[float, fg.MLP]:
        start = clock()
        mlp = fg.MLP(**outputs, hidden="relu", dtype=x.dtype)
        for parameter, value in zip(mlp.parameters, first, strict=True):
            parameter.value = value
        fg.fit(mlp, examples, callbacks=[one(mlp) for one in callbacks], **settings, **more)
        return clock() - start, mlp

    curve: list[tuple[float, float]] = []

    def measure(mlp: fg.MLP) -> Any:
        spent, since = [0.0], [clock()]

        def after(trainer: Any, epoch: Any) -> None:
            spent[0] += clock() - since[0]
            curve.append((spent[0], accuracy(mlp, x_test, y_test)))
            since[0] = clock()

        return after

    watched, _ = fit(valid=HELD, early_stopping=epochs)
    seconds, mlp = fit()
    fit(measure)
    return Training(seconds, watched, accuracy(mlp, x_test, y_test), curve)


def accuracy(mlp: fg.MLP, x: np.ndarray, y: np.ndarray) -> float:
    """The share of the examples whose class has the largest output."""
    a = fg.Graph(mlp.logits(fg.Input("x", shape=("N", x.shape[1]), dtype=x.dtype))).fprop(x=x).outputs[0]
    return float(np.mean((a[:, 0] > 0 if a.shape[1] == 1 else a.argmax(axis=1)) == y))


PEERS = {"scikit-learn": by_scikit_learn, "flowgraph": by_flowgraph}


def seconds_by_hand(split: Parts, epochs: int) -> float:
    """What the training by hand takes, which is Adam's alone."""
    x, y = split[:2]
    first, labels = first_values(split, 0), y.astype(x.dtype) if y.max() == 1 else y
    settings = {"batch": descent.batch, "l2": ALPHA / 2 / descent.batch, "rate": descent.rate, "seed": 0}
    start = clock()
    trained(x, labels, first, epochs=epochs, **settings)
    return clock() - start


def seconds_of_products(split: Parts, epochs: int) -> float:
    """How long the matrix products of all steps take, the best of some for each step."""
    x, y = split[0][: descent.batch], split[1]
    outputs = 1 if y.max() == 1 else int(y.max()) + 1
    W1, W2 = np.ones((x.shape[1], HIDDEN), x.dtype), np.ones((HIDDEN, outputs), x.dtype)
    h, a = np.ones((len(x), HIDDEN), x.dtype), np.ones((len(x), outputs), x.dtype)
    best = np.inf
    for _ in range(200):
        start = clock()
        x @ W1, h @ W2, h.T @ a, a @ W2.T, x.T @ h
        best = min(best, clock() - start)
    return best * epochs * len(split[0]) / descent.batch


def compare(name: str, dtypes: str, seeds: int) -> dict[str, Any]:
    """All seeds of one set, the two in turn, after one short training in which both warm up."""
    found: dict[str, list[Training]] = {peer: [] for peer in PEERS}
    chosen = dict(zip(PEERS, dtypes.split("/"), strict=True))
    first = {peer: train(parts(name, chosen[peer], 0), 0, 2) for peer, train in PEERS.items()}
    for seed in range(seeds):
        for peer, train in PEERS.items():
            found[peer].append(train(parts(name, chosen[peer], seed), seed, descent.epochs[name]))
    split = parts(name, chosen["flowgraph"], 0)
    by_hand = np.median([seconds_by_hand(split, descent.epochs[name]) for _ in range(min(seeds, 5))])
    return summary(name, dtypes, found) | {
        "by hand": float(by_hand) if descent is ADAM else None,
        "products": seconds_of_products(split, descent.epochs[name]),
        "plans": min(by_flowgraph(split, 0, 1).seconds for _ in range(5)),
        "first": first["flowgraph"].seconds,
    }


def summary(name: str, dtypes: str, found: dict[str, list[Training]]) -> dict[str, Any]:
    """Means over the seeds, and the two ratios of times."""
    accuracies = {peer: np.array([one.accuracy for one in trainings]) for peer, trainings in found.items()}
    theirs, ours = accuracies["scikit-learn"], accuracies["flowgraph"]
    error = float(theirs.std(ddof=1) / len(theirs) ** 0.5)
    target = float(theirs.mean()) - error
    reached = {peer: np.array([one.seconds_to(target) for one in trainings]) for peer, trainings in found.items()}
    both = np.isfinite(reached["scikit-learn"]) & np.isfinite(reached["flowgraph"])
    seconds, watched = (
        {peer: float(np.median([getattr(one, what) for one in trainings])) for peer, trainings in found.items()}
        for what in ("seconds", "watched")
    )
    return {
        "set": name,
        "dtypes": dtypes,
        "accuracy": {peer: float(values.mean()) for peer, values in accuracies.items()},
        "standard error": error,
        "as accurate": not is_less(ours, theirs),
        "seconds": seconds,
        "faster": seconds["scikit-learn"] / seconds["flowgraph"],
        "faster watched": watched["scikit-learn"] / watched["flowgraph"],
        "faster to accuracy": float(np.median(reached["scikit-learn"][both]) / np.median(reached["flowgraph"][both])),
    }


def is_less(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether the first accuracies are below the others of the same splits, by more than chance explains."""
    differences = ours - theirs
    if np.ptp(differences) < 1e-9:  # the same at each seed, of which a t-test says nothing
        return bool(differences[0] < -1e-9)
    return bool(ttest_rel(ours, theirs, alternative="less").pvalue < SURE)


def line(row: dict[str, Any]) -> str:
    """A line of the table."""
    accuracy, seconds = row["accuracy"], row["seconds"]
    by_hand = "" if row["by hand"] is None else f"{seconds['scikit-learn'] / row['by hand']:.2f}x"
    return (
        f"{row['set']:15}{row['dtypes']:17}{accuracy['scikit-learn']:>7.2%} ± {row['standard error']:.2%}"
        f"{accuracy['flowgraph']:>9.2%}{seconds['scikit-learn']:>11.3f} s{seconds['flowgraph']:>8.3f} s"
        f"{row['faster']:>8.2f}x{row['faster watched']:>8.2f}x{row['faster to accuracy']:>12.2f}x{by_hand:>9}"
        f"{seconds['scikit-learn'] / row['products']:>10.1f}x"
        f"{seconds['scikit-learn'] / (row['products'] + row['plans']):>10.1f}x{row['first']:>8.2f} s"
        f"{'' if row['as accurate'] else '   LESS ACCURATE'}"
    )


def main() -> None:
    """Print a line per set and dtype, and write them as JSON into out/."""
    parser = argparse.ArgumentParser(prog="benchmarks training")
    parser.add_argument("--sets", default=",".join(ADAM.epochs))
    parser.add_argument("--dtypes", default="float32/float32,float64/float64,float64/float32")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="3 seeds")
    parser.add_argument("--backend", choices=("numpy", "numba"), default="numpy", help="what runs flowgraph's plans")
    parser.add_argument("--sgd", action="store_true", help="example by example, in place of Adam by batches")
    parser.add_argument("--threads", type=int, default=None, help="threads of matrix products, for both")
    parser.add_argument("--cpu", action="store_true", help="time of the processor in place of the clock's")
    parser.add_argument("--out", type=Path, default=Path("out"))
    arguments = sys.argv[1:]
    chosen = parser.parse_args(arguments[arguments[:1] == ["training"] :])
    warnings.simplefilter("ignore", ConvergenceWarning)
    global clock, backend, descent
    backend, descent = chosen.backend, SGD if chosen.sgd else ADAM
    clock = time.process_time if chosen.cpu else time.perf_counter
    print(f"{'':32}{'accuracy on test examples':^26}{'time of fit':^21}{'flowgraph is faster':^24}")
    head = f"{'set':15}{'dtypes':17}{'scikit-learn':>15}{'flowgraph':>10}{'theirs':>12}{'ours':>9}"
    print(
        f"{head}{'fit':>10}{'watched':>9}{'to accuracy':>13}{'by hand':>9}{'products':>11}{'and plans':>11}{'first':>9}"
    )
    rows = []
    with tempfile.TemporaryDirectory() as disk, threadpool_limits(chosen.threads):
        os.environ["FLOWGRAPH_CACHE"] = disk
        for name in chosen.sets.split(","):
            for dtypes in chosen.dtypes.split(","):
                rows.append(compare(name, dtypes, 3 if chosen.quick else chosen.seeds))
                print(line(rows[-1]), flush=True)
    chosen.out.mkdir(exist_ok=True)
    path = chosen.out / "training.json"
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
