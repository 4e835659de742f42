"""The benchmark of packages from outside: its harness tells right from wrong, and survives what it runs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.outside import evidence
from benchmarks.outside.entry import DIFFERENCES, Case, Entry, Package, packages
from benchmarks.outside.score import Result, measure, summary
from benchmarks.quoting.condensing import counted
from benchmarks.quoting.texts import outside
from benchmarks.stored import Stored

ROOT = Path(__file__).parent.parent.parent
TEXTBOOK = next(package for package in packages() if package.name == "textbook-dense")
GUARDED = """
import json, os, time
from benchmarks.outside.entry import Case, Entry
from benchmarks.outside.worker import guarded

def entry(make):
    return Entry("x", "test", "numpy", False, make, "right", "none")

def taken():
    return Case(lambda x: bytearray(2**40), (1.0,), lambda grad, value, x: (grad,))

made = [lambda: os._exit(7), lambda: time.sleep(60), taken]
print(json.dumps([guarded("flowgraph", entry(make), 10.0 if make is taken else 2.0) for make in made]))
"""


def two() -> Package:
    """One layer that is right and one that is wrong."""
    package = Package("textbook-dense", "numpy", own=True)
    wanted = ("tanh", "mean squared error over the rows")
    package.entries = [entry for entry in TEXTBOOK.entries if entry.name in wanted]
    return package


@pytest.mark.parametrize("checker", ["flowgraph", "own"])
def test_a_right_layer_passes_and_a_wrong_one_is_found(checker):
    found = measure(two(), checker, Stored([]))
    assert [result.outcome for result in found] == ["right", "found"]
    assert all(result.answer["seconds"] > 0 for result in found)


def test_what_is_kept_is_not_run_again(tmp_path):
    file = tmp_path / "kept.jsonl"
    for entry in two().entries:
        Stored(["--keep", str(file)])(f"flowgraph: {entry.title}", lambda: {"verdict": "undecided", "seconds": 1.0})
    found = measure(two(), "flowgraph", Stored(["--keep", str(file)]))
    assert [result.outcome for result in found] == ["undecided"] * 2


def test_a_crash_a_hang_and_a_runaway_allocation_are_answers():
    done = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True, check=True, cwd=ROOT)
    crash, hang, memory = json.loads(done.stdout)
    assert crash["verdict"] == "crash"
    assert "7" in crash["reasons"][0]
    assert hang["verdict"] == "timeout"
    assert memory["verdict"] == "raised"
    assert "MemoryError" in memory["reasons"][0]


def test_the_summary_counts_verdicts_against_judgements():
    wrong = Entry("w", "p", "torch", False, lambda: Case(abs, ()), "wrong", "none")
    right = Entry("r", "p", "torch", False, lambda: Case(abs, ()), "right", "none")
    pairs = [(wrong, "fail"), (wrong, "pass"), (right, "fail"), (right, "pass"), (right, "pass"), (right, "crash")]
    text = summary([Result(entry, {"verdict": verdict, "seconds": 2.0}) for entry, verdict in pairs], "flowgraph")
    assert text.splitlines()[1].split() == ["torch", "2", "4", "|", "1", "1", "1", "2", "0", "0", "0", "1", "2.000"]


def test_what_is_quoted_counts_every_entry_once_and_says_what_was_not_run():
    outcomes = {entry.title: {"outcome": "right", "seconds": 1.0} for entry in TEXTBOOK.entries}
    counts = counted({"flowgraph": outcomes})
    assert counts["open"]["numpy"]["flowgraph"]["right"] == len(outcomes)
    for half in ("open", "held out", "held out later"):
        of_half = [package for package in packages() if package.half == half]
        for framework, row in counts[half].items():
            entries = [entry for one in of_half if one.framework == framework for entry in one.entries]
            assert sum(row["flowgraph"].values()) == len(entries)
    assert counts["held out"]["jax"]["flowgraph"].keys() == {"not run"}
    assert "| held out | JAX, 20 |" in outside(counts, "Measured on a day")


@pytest.mark.parametrize("entry", two().entries, ids=lambda entry: entry.name)
def test_the_evidence_agrees_with_the_judgement(entry):
    with np.errstate(all="ignore"):
        found = evidence.examined(entry)
    assert (found.largest < 1e-6) == (entry.judgement == "right")


def test_every_entry_has_a_name_of_its_own_and_a_proof():
    entries = [entry for package in packages() for entry in package.entries]
    assert len({entry.title for entry in entries}) == len(entries) >= 200
    assert all(entry.proof for entry in entries)
    assert all(entry.proof != DIFFERENCES for entry in entries if entry.judgement == "wrong")


def test_half_of_the_packages_are_held_out_whole():
    found = packages()
    assert sum(package.held_out for package in found) * 2 >= len(found) - 1
    assert all(entry.held_out == package.held_out for package in found for entry in package.entries)
