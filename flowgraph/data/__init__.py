"""Examples to learn from: bundled sets, a user's files, toys; checked, split and standardised."""

from flowgraph.data.examples import BUNDLED, Examples, breast_cancer, circles, digits, iris, mnist, moons, spirals, wine
from flowgraph.data.loading import load_csv, load_examples, load_inputs, load_npz
from flowgraph.data.splitting import Split, Standardiser, TestSet, split

__all__ = [
    "BUNDLED", "Examples", "Split", "Standardiser", "TestSet", "breast_cancer", "circles", "digits", "iris",
    "load_csv", "load_examples", "load_inputs", "load_npz", "mnist", "moons", "spirals", "split", "wine",
]  # fmt: skip
