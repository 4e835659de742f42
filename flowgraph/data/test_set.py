"""Test examples that can be looked at once, at the end."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from flowgraph.data.examples import Examples
from flowgraph.errors import TestSetError
from flowgraph.naming import users_line


class TestSet:
    """Examples that `open()` gives once: what is chosen after a look at them is chosen by them.

    It shows nothing but its size before. A second `open` is refused and says where the first was, in copies and
    standardised versions too; with `record`, the path of a file, in other processes as well.

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
        self._opened: list[str] = []
        self._record = None if record is None else Path(record)

    @property
    def opened(self) -> str | None:
        """Where it was opened, None if it was not."""
        if self._opened:
            return self._opened[0]
        if self._record is not None and self._record.exists():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                return str(json.loads(self._record.read_text(encoding="utf-8"))["where"])
            return f"a time that {self._record} keeps"
        return None

    def open(self) -> Examples:
        """The examples, the first time."""
        where = str(users_line())
        self._write_record(where)
        if self._opened:
            self._refuse()
        self._opened.append(where)
        return self._examples

    def recorded(self, path: Any) -> TestSet:
        """The same test set, with the file that keeps whether it was opened."""
        return self._twin(self._examples, Path(path))

    def transformed(self, function: Callable[[Examples], Examples]) -> TestSet:
        """The same examples in another form; opening one of both opens the other."""
        return self._twin(function(self._examples), self._record)

    def _twin(self, examples: Examples, record: Path | None) -> TestSet:
        twin = TestSet(examples, record)
        twin._opened = self._opened
        return twin

    def _write_record(self, where: str) -> None:
        if self._record is None or self._opened:
            return
        try:
            with open(self._record, "x", encoding="utf-8") as file:
                json.dump({"where": where, "fingerprint": self._examples.fingerprint}, file)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            self._refuse()

    def _refuse(self) -> NoReturn:
        raise TestSetError(
            f"test set: it was opened before, at {self.opened}; a second look would choose by it, and its error would "
            f"no longer be that of new examples. Choose by the validation examples, or hold out new test examples"
        )

    def __len__(self) -> int:
        return len(self._examples)

    def __copy__(self) -> TestSet:
        return self

    def __deepcopy__(self, memo: Any) -> TestSet:
        return self

    def __reduce__(self) -> NoReturn:
        raise TestSetError("test set: found a pickle of it, which could be opened again; split in each process")

    def __repr__(self) -> str:
        state = f"opened at {self.opened}" if self.opened else "not opened"
        return f"<TestSet of {len(self)} examples, {state}>"
