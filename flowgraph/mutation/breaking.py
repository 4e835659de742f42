"""Mutants: copies of a source in which one backward pass is wrong in one place, as people get it wrong."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from pathlib import Path

from flowgraph.errors import UsageError
from flowgraph.mutation.backwards import backwards_of
from flowgraph.mutation.changes import Change, changes_of


@dataclass(frozen=True)
class Mutant:
    """One wrong backward pass: of which class or function, what kind of mistake, on which line.

    `backward` is its whole name, `MyBox.bprop`; `source` is the whole source that has it.

    Parameters
    ----------
    file : Path
        The file that has the backward pass.
    box : str
        The class or function.
    kind : str
        What kind of mistake it is.
    line : int
        Line of the change, counted from 1.
    diff : str
        The change as a unified diff.
    source : str
        The whole source with the mistake.
    backward : str
        Whole name of the backward pass, `MyBox.bprop`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from flowgraph.mutation import mutants_of
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "boxes.py"
    >>> _ = file.write_text("class A:\\n    def bprop(self, grad, h, a):\\n        return (grad * h,)\\n")
    >>> mutants_of(file)[0].backward
    'A.bprop'
    """

    file: Path
    box: str
    kind: str
    line: int
    diff: str
    source: str
    backward: str

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}: {self.backward}, {self.kind}\n{self.diff}"


def mutants_of(file: Path) -> list[Mutant]:
    """Every mutant of every backward pass that is written in the file.

    Parameters
    ----------
    file : Path
        A file of Python.

    Returns
    -------
    list of Mutant
        In the order of the source.

    Raises
    ------
    UsageError
        If the file is no Python.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from flowgraph.mutation import mutants_of
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "boxes.py"
    >>> _ = file.write_text("class A:\\n    def bprop(self, grad, h, a):\\n        return (grad * h,)\\n")
    >>> len(mutants_of(file)) > 1
    True
    """
    source = file.read_text(encoding="utf-8")
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise UsageError(f"mutate: {file} is no Python that this version reads ({error})") from error
    found: list[Mutant] = []
    seen = {ast.dump(tree)}
    for backward in backwards_of(tree):
        for change in changes_of(backward, source):
            mutated = _with(source, change)
            dump = _dump(mutated)
            if dump is None or dump in seen:
                continue
            seen.add(dump)
            line = change.part.lineno
            diff = _diff(source, mutated)
            found.append(Mutant(file, backward.owner, change.kind, line, diff, mutated, backward.name))
    return found


def _with(source: str, change: Change) -> str:
    """The source with one part replaced; the columns of a syntax tree count bytes."""
    lines = source.encode().splitlines(keepends=True)
    part = change.part
    assert part.end_lineno is not None
    assert part.end_col_offset is not None
    first, last = part.lineno - 1, part.end_lineno - 1
    new = lines[first][: part.col_offset] + change.text.encode() + lines[last][part.end_col_offset :]
    return b"".join([*lines[:first], new, *lines[last + 1 :]]).decode()


def _dump(source: str) -> str | None:
    """The syntax tree as text, equal for sources that differ in layout only; None for invalid Python."""
    try:
        return ast.dump(ast.parse(source))
    except SyntaxError:
        return None


def _diff(old: str, new: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm=""))
    return "\n".join(line for line in lines[2:] if not line.startswith("@@"))
