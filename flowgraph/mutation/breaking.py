"""Mutants: copies of a source in which one bprop is wrong in one place, as people get it wrong."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flowgraph.errors import UsageError
from flowgraph.mutation.changes import Change, changes_of


@dataclass(frozen=True)
class Mutant:
    """One wrong bprop: of which class, what kind of mistake, on which line, and the whole source that has it."""

    file: Path
    box: str
    kind: str
    line: int
    diff: str
    source: str

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}: {self.box}.bprop, {self.kind}\n{self.diff}"


def mutants_of(file: Path) -> list[Mutant]:
    """Every mutant of every bprop that is written in the file, in its order."""
    source = file.read_text(encoding="utf-8")
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise UsageError(f"mutate: {file} is no Python that this version reads ({error})") from error
    found: list[Mutant] = []
    seen = {ast.dump(tree)}
    for cls, bprop in _bprops(tree):
        for change in changes_of(bprop, source):
            mutated = _with(source, change)
            dump = _dump(mutated)
            if dump is None or dump in seen:
                continue
            seen.add(dump)
            line = change.part.lineno
            found.append(Mutant(file, cls.name, change.kind, line, _diff(source, mutated), mutated))
    return found


def _bprops(tree: ast.Module) -> Iterator[tuple[ast.ClassDef, ast.FunctionDef]]:
    """The bprop methods of all classes, those in functions too."""
    for part in ast.walk(tree):
        if isinstance(part, ast.ClassDef):
            for method in part.body:
                if isinstance(method, ast.FunctionDef) and method.name == "bprop" and len(method.args.args) >= 2:
                    yield part, method


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
    """What tells two sources apart that differ in more than their layout; None for what is no Python."""
    try:
        return ast.dump(ast.parse(source))
    except SyntaxError:
        return None


def _diff(old: str, new: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm=""))
    return "\n".join(line for line in lines[2:] if not line.startswith("@@"))
