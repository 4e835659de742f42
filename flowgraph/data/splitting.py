"""Training, validation and test examples: split by a seed, standardised by the first, the last looked at once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from flowgraph.box import Array
from flowgraph.box.node import line_of, users_instruction
from flowgraph.data.examples import Examples
from flowgraph.errors import DataError, SavedFileError, TestSetError
from flowgraph.saving.graph_file import read_record
from flowgraph.saving.limits import reading_foreign
from flowgraph.saving.replacing import create_file


@dataclass(frozen=True, eq=False)
class Standardiser:
    """(x - mean) / scale, column by column; a column that never changes is only centred.

    Works on arrays and on boxes, so that a saved network can hold it and read raw inputs.

    Parameters
    ----------
    mean : ndarray, shape (D,)
        What is subtracted, in the units of the columns.
    scale : ndarray, shape (D,)
        What is divided by, in the units of the columns.

    Examples
    --------
    >>> from flowgraph.data import Standardiser
    >>> standardise = Standardiser.of([[0.0, 5.0], [2.0, 5.0]])
    >>> standardise([[4.0, 6.0]])
    array([[3., 1.]])
    """

    mean: Array
    scale: Array

    @classmethod
    def of(cls, x: object) -> Standardiser:
        """The standardisation by the mean and standard deviation of these inputs.

        Parameters
        ----------
        x : array_like, shape (n, d)
            Inputs, one example per row.

        Returns
        -------
        Standardiser
            A column of equal values is only centred.
        """
        x = np.asarray(x)
        # by its numbers: the standard deviation of equal ones is a rounding error, and that of others can be as small
        varies = x.max(axis=0) != x.min(axis=0)
        return cls(x.mean(axis=0), np.where(varies, x.std(axis=0), 1).astype(x.dtype))

    def __call__(self, x: object) -> Any:
        """Inputs with mean 0 and standard deviation 1, as the inputs had from which this was made."""
        return (x - self.mean) / self.scale

    def examples(self, examples: Examples) -> Examples:
        """Examples with standardised inputs.

        Parameters
        ----------
        examples : Examples
            The examples.

        Returns
        -------
        flowgraph.data.Examples
            With x replaced by (x − mean) / scale.
        """
        return Examples(self(examples.x), examples.y, examples.columns, examples.classes, examples.name)


class Look(NamedTuple):
    """Where a test set was opened, and for which model."""

    where: str
    model: str | None


class TestSet:
    """Examples that `open()` gives once, so that no choice of a model can depend on them.

    It shows nothing but its size before. A second `open` is refused and says where the first was, in copies and
    standardised versions too; with `record`, the path of a file, in other processes as well. The same `model`, a text
    that tells it apart such as a checksum, may be tested again: nothing is chosen by that.

    Parameters
    ----------
    examples : Examples
        The examples.
    record : str or path, optional
        A file that says in other processes too whether the set was opened.

    Raises
    ------
    TestSetError
        By `open`, if the set was opened before, for another model.

    Examples
    --------
    >>> from flowgraph.data import Examples, TestSet
    >>> test = TestSet(Examples([[0.0], [1.0]], [0, 1], classes=("a", "b")))
    >>> test
    <TestSet of 2 examples, not opened>
    >>> len(test.open())
    2
    """

    __test__ = False  # no test of pytest's

    def __init__(self, examples: Examples, record: Any = None) -> None:
        self._examples = examples
        self._looks: list[Look] = []
        self._record = None if record is None else Path(record)

    @property
    def opened(self) -> str | None:
        """The line of code that opened it; None if it was not opened."""
        look = self._look()
        return look.where if look else None

    def open(self, model: str | None = None) -> Examples:
        """The examples: once, and again only for the same model.

        Parameters
        ----------
        model : str, optional
            What identifies the model that is tested, such as a checksum.

        Returns
        -------
        flowgraph.data.Examples
            The test examples.

        Raises
        ------
        TestSetError
            If it was opened before, by another model or without one.
        """
        here = Look(str(line_of(*users_instruction())), model)
        look = self._look() or self._keep(here)
        if look is not here and (model is None or look.model != model):
            raise TestSetError(
                f"test set: it was opened before, at {look.where}; a second look would choose by it, and its error "
                f"would no longer be that of new examples. Choose by the validation examples, or hold out new test "
                f"examples"
            )
        return self._examples

    def recorded(self, path: str | os.PathLike[str]) -> TestSet:
        """The same test set with a file that records whether it was opened.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        TestSet
            A test set that also counts openings in other processes.
        """
        return self._twin(self._examples, Path(path))

    def transformed(self, function: Callable[[Examples], Examples]) -> TestSet:
        """The test set with its examples transformed; opening one of the two counts for both.

        Parameters
        ----------
        function : function
            Takes Examples and returns Examples.

        Returns
        -------
        TestSet
            The transformed test set.
        """
        return self._twin(function(self._examples), self._record)

    def _twin(self, examples: Examples, record: Path | None) -> TestSet:
        twin = TestSet(examples, record)
        twin._looks = self._looks
        return twin

    def _look(self) -> Look | None:
        """The look that was taken, in this process or, by the record, in another."""
        if self._looks:
            return self._looks[0]
        if self._record is None or not self._record.exists():
            return None
        try:
            with reading_foreign(f"{self._record}: no record of a look", SavedFileError):
                record = read_record(self._record)
                return Look(str(record["where"]), record["model"])
        except SavedFileError:
            return Look(f"a time that {self._record} keeps", None)

    def _keep(self, look: Look) -> Look:
        """Record the look before anything is shown; of two processes the look of the faster one is kept."""
        if self._record is not None:
            record = {**look._asdict(), "fingerprint": self._examples.fingerprint}
            if not create_file(self._record, json.dumps(record).encode()):
                return self._look() or look
        self._looks.append(look)
        return look

    def __len__(self) -> int:
        return len(self._examples)

    def __copy__(self) -> TestSet:
        return self

    def __deepcopy__(self, memo: object) -> TestSet:
        return self

    def __reduce__(self) -> NoReturn:
        raise TestSetError("test set: found a pickle of it, which could be opened again; split in each process")

    def __repr__(self) -> str:
        state = f"opened at {self.opened}" if self.opened else "not opened"
        return f"<TestSet of {len(self)} examples, {state}>"


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
        order = _order_by_class(examples, order, counts)
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


def _order_by_class(examples: Examples, order: Array, counts: list[int]) -> Array:
    """The order in which each part has its share of each class: by largest remainders, class after class."""
    if not examples.classes:
        raise DataError("split: found stratify=True for targets that are numbers, needs classes")
    labels = examples.y[order]
    _, sizes = np.unique(labels, return_counts=True)
    members = [order[labels == label] for label in np.unique(labels)]
    table = _apportion_counts(sizes, np.array(counts))
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


def _apportion_counts(sizes: Array, counts: Array) -> Array:
    """Whole numbers, one per class and part, with these sums, nearest to sizes × counts / total."""
    exact = np.outer(sizes, counts) / counts.sum()
    table: Array = np.floor(exact).astype(int)
    while table.sum() < counts.sum():
        open_rows, open_columns = table.sum(1) < sizes, table.sum(0) < counts
        rest = np.where(np.outer(open_rows, open_columns), exact - table, -np.inf)
        table[np.unravel_index(np.argmax(rest), table.shape)] += 1
    return table
