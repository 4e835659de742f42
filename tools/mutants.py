"""Mutation testing of a room of the package: how many small mistakes in its code its tests notice.

    python -m tools.mutants --room plan --sample 150 --seed 1

draws a sample of the mutants of that room, puts them in one after another, each in a copy of the repository, runs what
.ci/run would run of the tests that reach the changed lines (those of the room's own folders whole, as it changed, of
the others the large sample), and prints how many were killed and what survived, as differences. `--share 0.04` takes
the sample of `make test` instead.

A survivor is tried with a few more cases of the tests that it survived: what they kill is killed at night.

The mutants are fine ones: a number, a comparison or an operator is another one, a keyword is not passed on, a bound of
a slice is left out, one side of an `and` stands alone, a guard or a statement is gone. What is sure to end in an
exception of Python (a value that is None) says little about tests and is not drawn. The wording of errors is no
behaviour under test: nothing is changed within `raise`, `warn`, `add_note`, the message of an `assert`, docstrings,
annotations and sentences, except in plans, whose strings are code; `strict=` of zip, which only asserts, stays as it
is. Mutants that change no behaviour are listed in equivalent_mutants.toml with the reason, and left out of the rate.

mutmut makes most of the mutants, but does not run them: it puts every mutant of a function behind a dispatcher of its
own, whose frame then stands between a box and the line that built it, and the tests of such lines fail without any
mutant. Here one file is changed at a time. A process that has imported what is slow to import is forked for each.
"""

from __future__ import annotations

import argparse
import random
import time
import tomllib
from collections.abc import Iterable

from tools.mutant_sources import ROOT, File, Mutant
from tools.mutant_tests import Copy, Room

EQUIVALENT = ROOT / "tools" / "equivalent_mutants.toml"
PROGRAMS = 40

_ENGINE_TESTS = """
    tests/test_choices.py tests/test_errors.py tests/test_lecture.py tests/test_mistakes.py tests/test_sabotage.py
    tests/benchmarks/test_mlp_step.py tests/box tests/boxes/indexing/test_indexing.py
    tests/boxes/numpy_api/test_numpy_api.py tests/boxes/reduction/test_reduction.py tests/boxes/shape/test_shape.py
    tests/boxes/test_as_numpy.py tests/boxes/test_keywords.py tests/plan/test_pieces.py tests/test_docstrings.py
    tests/debugging/test_debugging.py tests/debugging/test_why_zero.py tests/derivatives/test_batching.py
    tests/derivatives/test_what_is_asked.py
    tests/functional/test_functional.py tests/graph/test_feeding_errors.py tests/graph/test_flops.py
    tests/graph/test_graph.py tests/graph/test_opened.py tests/graph/test_random_graphs.py tests/graph/test_runs.py
    tests/saving/test_hostile_files.py tests/shapes
"""
_PLAN_TESTS = "tests/plan tests/graph/test_random_graphs.py tests/training/test_devices.py"
ROOMS = {
    "engine": Room(
        ("flowgraph/shapes/**/*.py", "flowgraph/box/**/*.py", "flowgraph/graph/**/*.py"),
        tuple(_ENGINE_TESTS.split()),
    ),
    "plan": Room(("flowgraph/plan/**/*.py",), tuple(_PLAN_TESTS.split()), PROGRAMS, True),
    "derivatives": Room(
        ("flowgraph/derivatives/**/*.py",),
        ("tests/derivatives", "tests/functional", "tests/graph/test_random_graphs.py"),
    ),
    "functional": Room(("flowgraph/functional/**/*.py",), ("tests/functional", "tests/derivatives", "tests/scipy")),
    "checking": Room(("flowgraph/checking/**/*.py",), ("tests/checking", "tests/test_sabotage.py")),
    "training": Room(("flowgraph/training/**/*.py",), ("tests/training", "tests/experiment", "tests/test_display.py")),
    "loops": Room(("flowgraph/loops/**/*.py",), ("tests/loops", "tests/saving")),
    "rendering": Room(("flowgraph/rendering/**/*.py",), ("tests/rendering", "tests/test_display.py")),
}


def _warm() -> None:
    """Import what takes long and is not the package itself, nor a plugin, which pytest rewrites as it imports it."""
    for name in ("numpy", "scipy.special", "scipy.linalg", "pytest", "numba", "coverage"):
        try:
            __import__(name)
        except ImportError:
            continue


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


def measure(
    name: str, size: int, seed: int, only: Iterable[str] = (), without: Iterable[str] = (), share: float = 0.6
) -> None:
    """Try a sample of the mutants of a room, and print what came of it."""
    room, known = ROOMS[name], equivalent()
    print(f"room {name}: ", end="", flush=True)
    drawn = [one for one in sample_of(room, size, seed) if not only or any(part in str(one) for part in only)]
    tried = [one for one in drawn if one.key not in known]
    copy = Copy(room, seed, without, share)
    try:
        reach = copy.reach()
        print(f"the tests pass without a mutant, {sum(reach.seconds.values()):.0f} s", flush=True)
        outcomes: dict[str, list[Mutant]] = {"killed": [], "killed at night": [], "timed out": [], "survived": []}
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
    killed = len(tried) - counts["survived"]
    rate = f"{100 * killed / len(tried):.1f} %" if tried else "nothing tried"
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    print(f"room {name}, seed {seed}: {told}, {len(drawn) - len(tried)} equivalent: {rate}", flush=True)


def main() -> None:
    """Measure the rooms that the command line names."""
    parser = argparse.ArgumentParser(description="Mutation testing of a room of the package.")
    parser.add_argument("--room", choices=[*ROOMS, "all"], default="all")
    parser.add_argument("--sample", type=int, default=150, help="how many mutants are drawn in each room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], help="of the sample, those whose text contains this")
    parser.add_argument("--without", action="append", default=[], help="tests that are left out, as they take long")
    parser.add_argument("--share", type=float, default=0.6, help="of a sample of tests: 0.04 is that of make test")
    given = parser.parse_args()
    _warm()
    for name in ROOMS if given.room == "all" else [given.room]:
        measure(name, given.sample, given.seed, given.only, given.without, given.share)


if __name__ == "__main__":
    main()
