"""Five tables that scikit-learn and mlxtend ship: `flowgraph train`, scikit-learn's MLP, and gradient boosting.

Each seed draws a split, 60 % to train, 20 % to validate and 20 % to test, and first weights. All three get the same
rows: flowgraph stops by the validation rows, scikit-learn's MLP by as many of those that are not tested, which it draws
itself; gradient boosting (HistGradientBoosting, its defaults) learns from all of them. Both networks have one hidden
layer of 64 rectified linear units, Adam, batches of 32, at most 300 epochs, inputs and numbers to predict standardised
by the rows that they learn from, and stop after 10 epochs without improvement. The score is the accuracy for classes,
R² for numbers.

    python -m benchmarks tables
    python -m benchmarks tables --quick     5 seeds in place of 20
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mlxtend.data import autompg_data
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from flowgraph.experiment import Experiment, TrainSettings
from flowgraph.training.evaluation import predict

HIDDEN, BATCH, EPOCHS, PATIENCE, VALID, TEST = 64, 32, 300, 10, 0.2, 0.2
BY = ("flowgraph", "scikit-learn", "boosting")


def autompg() -> tuple[Any, Any]:
    """Fuel consumption of cars, without the column of names, which are no numbers in this table."""
    x, y = autompg_data()
    return x[:, ~np.isnan(x).all(axis=0)], y


Sets = dict[str, tuple[str, Callable[[], tuple[Any, Any]]]]
SETS: Sets = {
    "breast_cancer": ("classes", lambda: load_breast_cancer(return_X_y=True)),
    "wine": ("classes", lambda: load_wine(return_X_y=True)),
    "digits": ("classes", lambda: load_digits(return_X_y=True)),
    "diabetes": ("numbers", lambda: load_diabetes(return_X_y=True)),
    "autompg": ("numbers", autompg),
}


def scored(path: Path, kind: str, seed: int) -> list[float]:
    """The scores of all three on the test rows of one split of the table in a file."""
    settings = TrainSettings(
        str(path), "y", kind=kind, hidden=(HIDDEN,), batch_size=BATCH, epochs=EPOCHS, patience=PATIENCE, valid=VALID,
        test=TEST, seed=seed,
    )  # fmt: skip
    experiment = Experiment(settings)
    experiment.trainer().run(EPOCHS)
    raw = experiment.raw
    test = raw.test.open()
    x, y = (np.concatenate([getattr(raw.train, name), getattr(raw.valid, name)]) for name in "xy")
    output = predict(experiment.predictor, test.x)
    found = [output.argmax(axis=1) if kind == "classes" else output]
    found += [peer.fit(x, y).predict(test.x) for peer in peers(kind, seed)]
    return [(accuracy_score if kind == "classes" else r2_score)(test.y, answer) for answer in found]


def peers(kind: str, seed: int) -> Sequence[Any]:
    """scikit-learn's network and gradient boosting."""
    settings: dict[str, Any] = {
        "hidden_layer_sizes": (HIDDEN,), "batch_size": BATCH, "max_iter": EPOCHS, "early_stopping": True,
        "n_iter_no_change": PATIENCE, "validation_fraction": VALID / (1 - TEST), "random_state": seed,
    }  # fmt: skip
    if kind == "classes":
        network = make_pipeline(StandardScaler(), MLPClassifier(**settings))
        return network, HistGradientBoostingClassifier(random_state=seed)
    network = make_pipeline(StandardScaler(), MLPRegressor(**settings))
    scaled = TransformedTargetRegressor(network, transformer=StandardScaler())
    return scaled, HistGradientBoostingRegressor(random_state=seed)


def measure(name: str, seeds: int, folder: Path) -> dict[str, Any]:
    """The mean score of each, its standard deviation over the seeds, and the difference of the networks by seed."""
    kind, load = SETS[name]
    x, y = load()
    path = folder / f"{name}.csv"
    with path.open("w", newline="") as file:
        rows = [[*row, target] for row, target in zip(x.tolist(), y.tolist(), strict=True)]
        csv.writer(file).writerows([[*(f"x{place}" for place in range(x.shape[1])), "y"], *rows])
    scores = np.array([scored(path, kind, seed) for seed in range(seeds)])
    apart = scores[:, 0] - scores[:, 1]
    entry = {
        "measure": "accuracy" if kind == "classes" else "R²",
        "rows": len(y),
        "columns": x.shape[1],
        "seeds": seeds,
    }
    entry |= {by: [float(column.mean()), float(column.std(ddof=1))] for by, column in zip(BY, scores.T, strict=True)}
    return entry | {"apart": [float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(seeds))]}


def main() -> None:
    """Print a line for each table, and all as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks tables", description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="5 seeds in place of 20")
    chosen = parser.parse_args([argument for argument in sys.argv[1:] if argument != "tables"])
    found = {}
    warnings.simplefilter("ignore", ConvergenceWarning)
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        for name in SETS:
            found[name] = entry = measure(name, 5 if chosen.quick else 20, Path(folder))
            told = "  ".join(f"{by} {entry[by][0]:.3f} ± {entry[by][1]:.3f}" for by in BY)
            difference, error = entry["apart"]
            print(f"{name:14}{entry['measure']:9} {told}  networks apart {difference:+.3f} ± {error:.3f}", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
