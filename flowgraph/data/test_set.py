"""Test examples that can be looked at once, at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from flowgraph.box.node import line_of, users_instruction
from flowgraph.data.examples import Examples
from flowgraph.errors import TestSetError
from flowgraph.saving.replacing import create_file


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
            record = json.loads(self._record.read_text(encoding="utf-8"))
            return Look(str(record["where"]), record["model"])
        except (ValueError, KeyError, TypeError):
            return Look(f"a time that {self._record} keeps", None)

    def _keep(self, look: Look) -> Look:
        """Take note of the look before anything is shown; of two processes at the same time one is first."""
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
