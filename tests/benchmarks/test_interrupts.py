"""A sample of `python -m benchmarks interrupts`: what is interrupted or killed at any moment is whole, and goes on."""

import itertools
import os
import re
import subprocess
import sys

import pytest

from benchmarks.interrupts import ROOT, WORKS
from tests.seed import seed_of_tree

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="alarms and SIGKILL are of POSIX")


def run(*options):
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-m", "benchmarks", "interrupts", "--seed", str(seed_of_tree()), *options]
    return subprocess.run(command, cwd=ROOT, env=bare, check=False, capture_output=True, text=True, timeout=600)


@pytest.mark.sampled(one_in=12)
@pytest.mark.parametrize("name", WORKS)
def test_an_interrupt_at_any_moment_tears_nothing(name):
    count = 5 if name == "search" else 20  # which takes half a second, the others hundredths of one
    done = run("--only", name, "--interrupts", str(count), "--kills", "0", "--searches", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{name:<24}{count:>8,} interrupts" in done.stdout


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize(("what", "option"), [("training", "--kills"), ("search", "--searches")])
def test_what_is_killed_at_any_moment_goes_on_to_the_same_end(what, option):
    options = {"--kills": "0", "--searches": "0", option: "4"}
    done = run("--only", "fprop", "--interrupts", "1", *itertools.chain(*options.items()))
    assert done.returncode == 0, done.stdout + done.stderr
    kills = re.findall(rf"^kill -9 of a {what}\b.* (\d+) kills of 1, ", done.stdout, re.MULTILINE)
    assert sum(map(int, kills)) == 4, done.stdout


def test_what_is_torn_is_told():
    left = "from flowgraph.saving.lock import Lock; Lock.release = lambda lock: None"
    command = f"{left}; from benchmarks.interrupts import one_kind; one_kind('fit', 5, 1)"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "the lock of the checkpoint is left" in done.stderr or "writes it since" in done.stderr
