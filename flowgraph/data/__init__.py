"""Examples to learn from: bundled sets, a user's files, toys; checked, split and standardised."""

from flowgraph.data.bundled import BUNDLED, breast_cancer, digits, iris, mnist, wine
from flowgraph.data.examples import Examples
from flowgraph.data.files import load_csv, load_examples, load_inputs, load_npz
from flowgraph.data.scaling import Standardiser
from flowgraph.data.splitting import Split, split
from flowgraph.data.test_set import TestSet
from flowgraph.data.toys import circles, moons, spirals

__all__ = [
    "BUNDLED", "Examples", "Split", "Standardiser", "TestSet", "breast_cancer", "circles", "digits", "iris",
    "load_csv", "load_examples", "load_inputs", "load_npz", "mnist", "moons", "spirals", "split", "wine",
]  # fmt: skip
