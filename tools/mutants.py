"""Mutation testing of a room of the package: how many small mistakes in its code do its tests notice?

    python tools/mutants.py --room plan --sample 150 --seed 1

draws a sample of the mutants of that room, puts them in one after another, each in a copy of the repository, runs the
tests that reach the changed lines, and prints how many were killed and what survived, as differences.

The mutants are fine ones: a number, a comparison or an operator is another one, a keyword is not passed on, a bound of
a slice is left out, one side of an `and` stands alone, a guard or a statement is gone. What is sure to end in an
exception of Python (a value that is None) says little about tests and is not drawn. The wording of errors is no
behaviour under test: nothing is changed within `raise`, `warn`, `add_note`, the message of an `assert`, docstrings,
annotations and sentences, except in plans, whose strings are code; `strict=` of zip, which only asserts, stays as it
is. Mutants that change no behaviour are listed in
equivalent_mutants.toml with the reason, and left out of the rate.

mutmut makes most of the mutants, but does not run them: it puts every mutant of a function behind a dispatcher of its
own, whose frame then stands between a box and the line that built it, and the tests of such lines fail without any
mutant. Here one file is changed at a time. A process that has imported what is slow to import is forked for each.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import difflib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider
from mutmut.mutation import mutators

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
EQUIVALENT = HERE / "equivalent_mutants.toml"
COPIED: tuple[str, ...] = ("flowgraph", "tests", "tools", "docs", "benchmarks", "notebooks", "README.md")
COPIED += ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml")
PROGRAMS = 40


class Room(NamedTuple):
    """Files of the package, the tests that are to notice mistakes in them, and so many random programs of tests/fuzz.

    The strings of a room that `emits` are code; elsewhere those with a space in them are texts for people.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    programs: int = 0
    emits: bool = False


_ENGINE_TESTS = """
    asking choices copies debugging errors functional graph inference input_names lecture mistakes
    mlp_step opened random_graphs randomness read_only returned sabotage signature size
"""
ROOMS = {
    "engine": Room(
        ("flowgraph/shapes/**/*.py", "flowgraph/box/**/*.py", "flowgraph/graph/**/*.py"),
        (
            *(f"tests/test_{name}.py" for name in _ENGINE_TESTS.split()),
            *(f"tests/boxes/test_{name}.py" for name in ("indexing", "shape", "keywords", "outer", "product")),
            "tests/saving/test_hostile_files.py",
        ),
    ),
    "plan": Room(("flowgraph/plan/**/*.py",), ("tests/plan", "tests/test_random_graphs.py"), PROGRAMS, True),
    "derivatives": Room(
        ("flowgraph/derivatives/**/*.py", "flowgraph/functional/**/*.py"),
        ("tests/derivatives", "tests/functional", "tests/test_functional.py", "tests/test_random_graphs.py"),
    ),
    "checking": Room(("flowgraph/checking/**/*.py",), ("tests/checking", "tests/test_sabotage.py")),
}


@dataclass(frozen=True)
class Mutant:
    """One changed file: what was there, what stands there now, and in which function."""

    path: str
    function: str
    line: int
    lines: frozenset[int]
    imported: bool
    before: str
    after: str
    code: str = field(repr=False, compare=False)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same when lines move."""
        return self.path, self.function, self.before, self.after

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function}\n" + _marked("-", self.before) + _marked("+", self.after)


def _marked(sign: str, text: str) -> str:
    return "".join(f"    {sign} {line}\n" for line in text.splitlines())


# What is changed into what.


def _string_changed(node: cst.SimpleString) -> Iterator[cst.CSTNode]:
    """Another text; of a few letters, as in `dtype.kind in "iu"`, one fewer."""
    text = node.evaluated_value
    if isinstance(text, str) and not node.value.startswith(('"""', "r")):
        others = [text[1:], text[:-1]] if text.isalpha() and 2 <= len(text) <= 4 else [f"XX{text}XX"]
        yield from (node.with_changes(value=repr(other)) for other in others)


def _keyword_dropped(node: cst.Call) -> Iterator[cst.CSTNode]:
    for i, arg in enumerate(node.args):
        if arg.keyword is not None and arg.keyword.value != "strict":
            yield node.with_changes(args=[*node.args[:i], *node.args[i + 1 :]])


def _bound_dropped(node: cst.Slice) -> Iterator[cst.CSTNode]:
    for name in ("lower", "upper", "step"):
        if getattr(node, name) is not None:
            yield node.with_changes(**{name: None})


def _one_side(node: cst.BooleanOperation) -> Iterator[cst.CSTNode]:
    yield from (node.left, node.right)


def _guard_dropped(node: cst.If) -> Iterator[cst.CSTNode]:
    last = node.body.body[-1] if node.body.body else None
    leaves = isinstance(last, cst.SimpleStatementLine) and isinstance(
        last.body[-1], cst.Raise | cst.Return | cst.Continue
    )
    if leaves and node.orelse is None:
        yield cst.SimpleStatementLine([cst.Pass()])


def _statement_dropped(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    one = node.body[0]
    call = isinstance(one, cst.Expr) and isinstance(one.value, cst.Call)
    stored = isinstance(one, cst.Assign) and not isinstance(one.targets[0].target, cst.Name | cst.Tuple)
    if call or stored or isinstance(one, cst.AugAssign | cst.Continue | cst.Break):
        yield cst.SimpleStatementLine([cst.Pass()])


OPERATORS: tuple[tuple[Any, Any], ...] = (
    (cst.BaseNumber, mutators.operator_number),
    (cst.SimpleString, _string_changed),
    (cst.Name, mutators.operator_name),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.IfExp, mutators.operator_if_exp),
    (cst.AugAssign, mutators.operator_augmented_assignment),
    (cst.Call, mutators.operator_symmetric_string_methods_swap),
    (cst.Call, _keyword_dropped),
    (cst.Slice, _bound_dropped),
    (cst.BooleanOperation, _one_side),
    (cst.If, _guard_dropped),
    (cst.SimpleStatementLine, _statement_dropped),
)


class _Changes(cst.CSTVisitor):
    """Pairs of a node and what may stand in its place, except where only the wording of a message changes."""

    METADATA_DEPENDENCIES = (ParentNodeProvider,)

    def __init__(self, emits: bool) -> None:
        self.emits = emits
        self.pairs: list[tuple[cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Raise | cst.Annotation | cst.Import | cst.ImportFrom):
            return False
        if not self.emits and (isinstance(node, cst.FormattedString) or _is_text(node)):
            return False
        if isinstance(node, cst.Call) and _name(node.func) in ("warn", "add_note", "TypeVar", "NewType", "cast"):
            return False
        if isinstance(node, cst.Expr) and isinstance(node.value, cst.BaseString):
            return False
        if isinstance(node, cst.Arg) and node.keyword is not None and node.keyword.value == "strict":
            return False
        parent = self.get_metadata(ParentNodeProvider, node, None)
        if isinstance(parent, cst.Assert) and node is parent.msg:
            return False
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                self.pairs += [(node, other) for other in operator(node)]
        return True


def _is_text(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.SimpleString) and " " in node.value


def _name(node: cst.CSTNode) -> str:
    return node.attr.value if isinstance(node, cst.Attribute) else getattr(node, "value", "")


class File:
    """One file of the package, and every change that may be made in it; the mutants themselves are made when drawn."""

    def __init__(self, path: str, emits: bool) -> None:
        self.path = path
        self.text = (ROOT / path).read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        visitor = _Changes(emits)
        self.module = MetadataWrapper(cst.parse_module(self.text)).visit(visitor)
        self.changes = visitor.pairs

    def mutant(self, number: int) -> Mutant | None:
        """The file with that change; None where it would be no Python."""
        node, other = self.changes[number]
        changed = self.module.deep_replace(node, other)
        code = changed.code if isinstance(changed, cst.Module) else ""
        try:
            compile(code, self.path, "exec")
        except SyntaxError:
            return None
        old, new = self.text.splitlines(), code.splitlines()
        blocks = difflib.SequenceMatcher(None, old, new, False).get_opcodes()
        parts = [block for block in blocks if block[0] != "equal"]
        if not parts:
            return None
        (_, first, _, new_first, _), (_, _, last, _, new_last) = parts[0], parts[-1]
        function, lines, imported = _place(self.tree, first + 1, last)
        before, after = ("\n".join(part).strip() for part in (old[first:last], new[new_first:new_last]))
        return Mutant(self.path, function, first + 1, lines, imported, before, after, code)


def _place(tree: ast.Module, first: int, last: int) -> tuple[str, frozenset[int], bool]:
    """The function around some lines, the lines of the statements that they belong to, and whether an import runs them.

    What stands in the head of a function runs when the module is imported, and matters where the function runs.
    """
    names: list[str] = []
    body: list[ast.stmt] = tree.body
    around: ast.AST = tree
    lines = set(range(first, last + 1))
    while True:
        inner = [node for node in body if node.lineno <= last and first <= (node.end_lineno or node.lineno)]
        one = inner[0] if len(inner) == 1 else None
        if isinstance(one, ast.FunctionDef | ast.ClassDef):
            names.append(one.name)
            if isinstance(one, ast.FunctionDef) and first < one.body[0].lineno:
                lines |= set(range(one.body[0].lineno, (one.end_lineno or 0) + 1))
            body, around = one.body, one
            continue
        for node in ast.walk(around):
            if isinstance(node, ast.stmt) and node.lineno <= first <= (node.end_lineno or 0):
                inside = getattr(node, "body", None)
                end = inside[0].lineno - 1 if inside else (node.end_lineno or 0)
                if first <= max(end, node.lineno):
                    lines |= set(range(node.lineno, end + 1))
        return ".".join(names), frozenset(lines), not isinstance(around, ast.FunctionDef)


# Running tests in a copy of the repository.


@dataclass
class Reach:
    """Which tests run which lines of the package, and how long each test takes."""

    tests: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that run a line of the mutant, quick ones first; all that enter the file where none is known."""
        by_line = self.tests.get(mutant.path, {})
        found = set().union(*(by_line.get(line, ()) for line in mutant.lines))
        if not found and mutant.imported:
            found = set().union(*by_line.values())
        return sorted(found, key=lambda test: (self.seconds.get(test, 0.0), test))


class _Measure:
    """A plugin of pytest that notes, for each test, its time and the lines that it runs."""

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] += report.duration


class _Listed:
    """A plugin of pytest that keeps the listed tests, in the order of the list."""

    def __init__(self, tests: list[str]) -> None:
        self.place = {test: number for number, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self.place), key=lambda item: self.place[item.nodeid]
        )


class Copy:
    """A copy of the repository in a temporary folder, in which files are changed and tests run."""

    def __init__(self, room: Room, seed: int, without: Iterable[str] = ()) -> None:
        self.room = room
        self.seed = seed
        self.without = [f"--ignore={test}" for test in without]
        self.folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        self.home = self.folder / "copy"
        self.home.mkdir()
        for name in COPIED:
            source, target = ROOT / name, self.home / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            elif source.exists():
                shutil.copy(source, target)
        compileall.compile_dir(self.home / "flowgraph", quiet=1)
        self.tests = [test for test in room.tests if (self.home / test).exists()]

    def reach(self) -> Reach:
        """Run all tests of the room once, without a mutant."""
        out = self.folder / "reach.json"
        status = self.forked(lambda: self._measure(out), 600)
        if status != 0:
            tail = "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-40:])
            raise SystemExit(f"the tests of the room do not pass without a mutant:\n{tail}")
        found = json.loads(out.read_text())
        tests = {
            path: {int(line): set(names) for line, names in by_line.items()} for path, by_line in found["tests"].items()
        }
        return Reach(tests, found["seconds"])

    def _measure(self, out: Path) -> int:
        import coverage

        measured = coverage.Coverage(data_file=None, source=["flowgraph"], config_file=False)
        plugin = _Measure(measured)
        measured.start()
        status = self._pytest(self.tests, [plugin])
        measured.stop()
        data = measured.get_data()
        tests = {}
        for name in data.measured_files():
            by_line = {line: [one for one in names if one] for line, names in data.contexts_by_lineno(name).items()}
            tests[os.path.relpath(name, self.home)] = {line: names for line, names in by_line.items() if names}
        out.write_text(json.dumps({"tests": tests, "seconds": plugin.seconds}))
        return status or self._programs()

    def try_one(self, mutant: Mutant, reach: Reach) -> str:
        """'killed', 'timed out' or 'survived'."""
        tests = reach.of(mutant)
        path = self.home / mutant.path
        text = path.read_text(encoding="utf-8")
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()
        path.write_text(mutant.code, encoding="utf-8")
        files = sorted({test.partition("::")[0] for test in tests})

        def run() -> int:
            sys.dont_write_bytecode = True
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            status = self._pytest(["-x", *files], [_Listed(tests)]) if tests else 0
            return status or self._programs()

        try:
            status = self.forked(run, 30 + 5 * max((reach.seconds.get(test, 0.0) for test in tests), default=0.0))
        finally:
            path.write_text(text, encoding="utf-8")
        return {0: "survived", None: "timed out"}.get(status, "killed")

    def _pytest(self, arguments: list[str], plugins: list[Any]) -> int:
        import pytest

        options = [
            "-q",
            "-p",
            "no:cacheprovider",
            f"--hypothesis-seed={self.seed}",
            f"--basetemp={self.folder / 'tmp'}",
            *self.without,
        ]
        return int(pytest.main([*options, *arguments], plugins=plugins))

    def _programs(self) -> int:
        """A short session of random programs, on the paths of the package itself."""
        if not self.room.programs:
            return 0
        from tests.fuzz import session

        session.PATHS = {name: path for name, path in session.PATHS.items() if name not in session.OUTSIDE}
        found = session.Session(self.seed).run(3600, most=self.room.programs, stop=lambda failure: True)
        print(found.table())
        return int(bool(found.failures))

    def forked(self, call: Any, limit: float) -> int | None:
        """What `call` returns in a process of its own; None where it prints nothing for so many seconds."""
        log = self.folder / "log"
        log.write_text("")
        child = os.fork()
        if child == 0:
            self._child(call)
        while time.time() - log.stat().st_mtime < limit:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                _end_group(child)
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        _end_group(child)
        os.waitpid(child, 0)
        return None

    def _child(self, call: Any) -> None:
        status = 70
        try:
            os.setsid()
            log = os.open(self.folder / "log", os.O_WRONLY | os.O_APPEND)
            for stream in (1, 2):
                os.dup2(log, stream)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.chdir(self.home)
            sys.path[:0] = [str(self.home)]
            os.environ |= {"PYTHONPATH": str(self.home), "HYPOTHESIS_PROFILE": "ci"}
            status = call()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            sys.stdout.flush()
            os._exit(status)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _end_group(leader: int) -> None:
    """End what a test has left running."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _warm() -> None:
    """Import what takes long and is not the package itself, nor a plugin, which pytest rewrites as it imports it."""
    for name in ("numpy", "scipy.special", "scipy.linalg", "pytest", "numba", "coverage"):
        try:
            __import__(name)
        except ImportError:
            continue


# The report.


def equivalent() -> dict[tuple[str, str, str, str], str]:
    """The reasons why mutants are equivalent, by their key."""
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", []) if EQUIVALENT.exists() else []
    return {(one["file"], one["function"], one["before"], one["after"]): one["reason"] for one in listed}


def sample_of(room: Room, size: int, seed: int) -> list[Mutant]:
    """Mutants of a room, drawn without replacement; each change in each file is as likely as another."""
    paths = sorted({str(path.relative_to(ROOT)) for pattern in room.files for path in ROOT.glob(pattern)})
    files = [File(path, room.emits) for path in paths]
    every = [(file, number) for file in files for number in range(len(file.changes))]
    random.Random(seed).shuffle(every)
    drawn: dict[Mutant, None] = {}
    for file, number in every:
        mutant = file.mutant(number) if len(drawn) < size else None
        if mutant is not None:
            drawn.setdefault(mutant)
    print(f"{len(drawn)} of {len(every)} mutants in {len(files)} files, drawn with seed {seed}", flush=True)
    return list(drawn)


def measure(name: str, size: int, seed: int, only: Iterable[str] = (), without: Iterable[str] = ()) -> None:
    """Try a sample of the mutants of a room, and print what came of it."""
    room, known = ROOMS[name], equivalent()
    print(f"room {name}: ", end="", flush=True)
    drawn = [one for one in sample_of(room, size, seed) if not only or any(part in str(one) for part in only)]
    tried = [one for one in drawn if one.key not in known]
    copy = Copy(room, seed, without)
    try:
        reach = copy.reach()
        print(f"the tests pass without a mutant, {sum(reach.seconds.values()):.0f} s", flush=True)
        outcomes: dict[str, list[Mutant]] = {"killed": [], "timed out": [], "survived": []}
        for number, mutant in enumerate(tried):
            start = time.monotonic()
            outcome = copy.try_one(mutant, reach)
            outcomes[outcome].append(mutant)
            took, tests = time.monotonic() - start, len(reach.of(mutant))
            print(f"{number + 1}/{len(tried)} {outcome} in {took:.0f} s ({tests} tests): {mutant}", flush=True)
    finally:
        copy.remove()
    print(f"\nroom {name}, seed {seed}: survivors\n")
    for mutant in outcomes["survived"]:
        print(mutant)
    counts = {outcome: len(found) for outcome, found in outcomes.items()}
    killed = counts["killed"] + counts["timed out"]
    rate = f"{100 * killed / len(tried):.1f} %" if tried else "nothing tried"
    print(
        f"room {name}, seed {seed}: {counts['killed']} killed, {counts['timed out']} timed out, {counts['survived']} "
        f"survived, {len(drawn) - len(tried)} equivalent: {rate}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Mutation testing of a room of the package.")
    parser.add_argument("--room", choices=[*ROOMS, "all"], default="all")
    parser.add_argument("--sample", type=int, default=150, help="how many mutants are drawn in each room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], help="of the sample, those whose text contains this")
    parser.add_argument("--without", action="append", default=[], help="tests that are left out, as they take long")
    given = parser.parse_args()
    _warm()
    for name in ROOMS if given.room == "all" else [given.room]:
        measure(name, given.sample, given.seed, given.only, given.without)


if __name__ == "__main__":
    main()
