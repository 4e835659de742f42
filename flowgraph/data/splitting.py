"""Training, validation and test examples: disjoint, in an order that a seed fixes, stratified by choice."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from flowgraph.box import Array
from flowgraph.data.examples import Examples
from flowgraph.data.scaling import Standardiser
from flowgraph.data.test_set import TestSet
from flowgraph.errors import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """Training examples, validation examples, and a test set that can be opened once.

    Parameters
    ----------
    train : Examples
        What parameters are learnt from.
    valid : Examples
        What settings are chosen by.
    test : TestSet
        What is opened once, at the end.

    Examples
    --------
    >>> from flowgraph.data import moons, split
    >>> parts = split(moons(100), seed=1)
    >>> len(parts.train), len(parts.valid)
    (60, 20)
    """

    train: Examples
    valid: Examples
    test: TestSet

    def standardised(self) -> tuple[Split, Standardiser]:
        """The same split with inputs standardised by the mean and standard deviation of the training examples.

        Returns
        -------
        split : Split
            All three parts, standardised.
        standardiser : Standardiser
            The mean and scale, for new inputs.
        """
        standardiser = Standardiser.of(self.train.x)
        train, valid = standardiser.examples(self.train), standardiser.examples(self.valid)
        return Split(train, valid, self.test.transformed(standardiser.examples)), standardiser

    def recorded(self, path: str | os.PathLike[str]) -> Split:
        """The same split with a file that records whether the test set was opened.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        Split
            Its test set can be opened once, in this process or another.
        """
        return replace(self, test=self.test.recorded(path))

    def __repr__(self) -> str:
        return f"<Split: {len(self.train)} to train, {len(self.valid)} to validate, {len(self.test)} to test>"


def split(examples: Examples, *, valid: float = 0.2, test: float = 0.2, stratify: bool = False, seed: int = 0) -> Split:
    """Split into training, validation and test examples, in an order that the seed fixes.

    `valid` and `test` are shares between 0 and 1, or numbers of examples (int). Stratified, each part has the classes
    in the proportions of the whole, as nearly as whole examples allow.

    Parameters
    ----------
    examples : Examples
        What is split.
    valid : float or int, default 0.2
        Share of the validation examples, or their number.
    test : float or int, default 0.2
        Share of the test examples, or their number.
    stratify : bool, default False
        Whether each part has the classes in the proportions of the whole.
    seed : int, default 0
        What fixes the order.

    Returns
    -------
    Split
        The parts: train, valid, test.

    Examples
    --------
    >>> from flowgraph.data import moons, split
    >>> split(moons(100, seed=0), stratify=True, seed=1)
    <Split: 60 to train, 20 to validate, 20 to test>

    Source: Larochelle, Training neural networks, "model selection".
    """
    counts = _counts(examples, valid, test)
    order = np.random.default_rng(seed).permutation(len(examples))
    if stratify:
        order = _stratified(examples, order, counts)
    train, valid_rows, test_rows = np.split(order, np.cumsum(counts)[:2])
    parts = [examples.take(rows, f"{examples.name} ({word})") for rows, word in (
        (train, "train"), (valid_rows, "valid"), (test_rows, "test"))]  # fmt: skip
    parts[0].check_outputs(examples.outputs)
    return Split(parts[0], parts[1], TestSet(parts[2]))


def _counts(examples: Examples, valid: float, test: float) -> list[int]:
    """How many to train, validate and test; none of them is 0."""
    sizes = []
    for word, share in (("valid", valid), ("test", test)):
        whole = isinstance(share, int | np.integer) and not isinstance(share, bool)
        if isinstance(share, bool) or share <= 0 or (not whole and share >= 1):
            raise DataError(f"split: found {word}={share!r}, needs a share between 0 and 1 or a number of examples")
        sizes.append(int(share) if whole else round(share * len(examples)))
    counts = [len(examples) - sum(sizes), *sizes]
    for word, count in zip(("train", "valid", "test"), counts, strict=True):
        if count < 1:
            raise DataError(
                f"split: found {len(examples)} examples, of which {max(count, 0)} would be left to {word} with "
                f"valid={valid!r} and test={test!r}; needs 1 or more in each part"
            )
    return counts


def _stratified(examples: Examples, order: Array, counts: list[int]) -> Array:
    """The order in which each part has its share of each class: by largest remainders, class after class."""
    if not examples.classes:
        raise DataError("split: found stratify=True for targets that are numbers, needs classes")
    labels = examples.y[order]
    _, sizes = np.unique(labels, return_counts=True)
    members = [order[labels == label] for label in np.unique(labels)]
    table = _apportioned(sizes, np.array(counts))
    for label, size, row in zip(np.unique(labels), sizes, table, strict=True):
        if row[0] == 0:
            raise DataError(
                f"split: found {size} example(s) of class {examples.classes[label]}, none of which is left to train "
                f"on; needs more of that class, or smaller valid= and test="
            )
    parts = []
    starts = np.zeros(len(members), int)
    for part in range(3):
        rows = [member[s : s + n] for member, s, n in zip(members, starts, table[:, part], strict=True)]
        starts += table[:, part]
        chosen = np.concatenate(rows)
        place = np.empty(len(examples), int)
        place[order] = np.arange(len(order))
        parts.append(chosen[np.argsort(place[chosen])])  # classes mixed again, as the seed ordered them
    return np.concatenate(parts)


def _apportioned(sizes: Array, counts: Array) -> Array:
    """Whole numbers, one per class and part, with these sums, nearest to sizes × counts / total."""
    exact = np.outer(sizes, counts) / counts.sum()
    table: Array = np.floor(exact).astype(int)
    while table.sum() < counts.sum():
        open_rows, open_columns = table.sum(1) < sizes, table.sum(0) < counts
        rest = np.where(np.outer(open_rows, open_columns), exact - table, -np.inf)
        table[np.unravel_index(np.argmax(rest), table.shape)] += 1
    return table
